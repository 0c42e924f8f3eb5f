/** What the service takes, as it wrote it into the page. Everything is open where it wrote nothing. */
export interface ServiceLimits {
  /** Bytes. */
  readonly maxFileSize: number;
  readonly allowedFormats: readonly string[] | '*';
}

export function readServiceLimits(): ServiceLimits {
  const written = document.querySelector<HTMLMetaElement>('meta[name="sluice-limits"]')?.content ?? '';
  try {
    const { maxFileSize, allowedFormats } = JSON.parse(written) as ServiceLimits;
    return { maxFileSize, allowedFormats };
  } catch {
    return { maxFileSize: Number.POSITIVE_INFINITY, allowedFormats: '*' };
  }
}

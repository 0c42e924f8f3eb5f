/** Opens the browser's own dialog. Resolves with nothing where it is closed without a choice. */
export function pickFiles(options: {
  readonly accept?: string;
  readonly multiple?: boolean;
  readonly folder?: boolean;
}): Promise<File[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.hidden = true;
  input.multiple = options.multiple ?? true;
  input.webkitdirectory = options.folder ?? false;
  if (options.accept !== undefined) input.accept = options.accept;
  // A field that stands nowhere in the document may be swept away, with its dialog, before anything is chosen.
  document.body.append(input);
  return new Promise<File[]>((resolve) => {
    input.addEventListener('change', () =>
      resolve([...(input.files ?? [])].filter((file) => !file.name.startsWith('.'))),
    );
    input.addEventListener('cancel', () => resolve([]));
    input.click();
  }).finally(() => input.remove());
}

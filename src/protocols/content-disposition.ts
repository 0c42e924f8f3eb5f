import { parse } from 'content-disposition';

/** Longest name that is kept, in characters: that of `filename` in initiate. */
const MAX_LENGTH = 255;

/** The name for people that `Content-Disposition` tells; null where it tells none that is fit to be kept. */
export function fileNameOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  const name = parse(header).parameters.filename;
  return name === undefined || name === '' || name.length > MAX_LENGTH ? null : name;
}

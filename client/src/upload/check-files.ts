/** Who writes without TypeScript, or `any`, is told at once what is a file, and not by whatever fails first. */
export function checkFile(file: unknown): void {
  // By its looks: a File of another frame or of a test's window is no instance of this one's.
  if (typeof file === 'object' && file !== null && 'size' in file && 'slice' in file) return;
  const given = file === null ? 'null' : typeof file;
  throw new TypeError(
    `What is uploaded is a File or Blob, not ${given}: as an <input type="file"> has it, or in Node \`await openFile(path)\`.`,
  );
}

/** The files of a list, each checked. */
export function checkedFiles<F>(files: Iterable<F>): F[] {
  if (typeof files !== 'object' || files === null || !(Symbol.iterator in files)) {
    throw new TypeError(
      'Several files are a list, such as `input.files` or `[file]`, each a File or Blob; in Node `await openFile(path)` makes one.',
    );
  }
  const list = [...files];
  list.forEach(checkFile);
  return list;
}

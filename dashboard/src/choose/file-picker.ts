/** Opens the browser's own dialog. Resolves with nothing where it is closed without a choice. */
export function pickFiles(options: {
  readonly accept?: string;
  readonly multiple?: boolean;
  readonly folder?: boolean;
}): Promise<File[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = options.multiple ?? true;
  input.webkitdirectory = options.folder ?? false;
  if (options.accept !== undefined) input.accept = options.accept;
  return new Promise((resolve) => {
    input.addEventListener('change', () =>
      resolve([...(input.files ?? [])].filter((file) => !file.name.startsWith('.'))),
    );
    input.addEventListener('cancel', () => resolve([]));
    input.click();
  });
}

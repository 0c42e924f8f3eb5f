/** A small square with the file's format: says at a glance what a row is about. */
export function FileTile({ name, format }: { readonly name: string; readonly format?: string | null }) {
  const dot = name.lastIndexOf('.');
  const label = format ?? (dot > 0 ? name.slice(dot + 1) : '');
  return (
    <span className="tile" aria-hidden="true">
      {label.slice(0, 4).toUpperCase() || '–'}
    </span>
  );
}

import { type ReactNode, useId } from 'react';

export interface PanelProps {
  readonly title: string;
  readonly children: ReactNode;
  /** Buttons beside the title. */
  readonly actions?: ReactNode;
  readonly name?: string;
}

/** A section of the page with a heading that names it. */
export function Panel({ title, children, actions, name }: PanelProps) {
  const id = useId();
  return (
    <section className={`panel ${name ?? ''}`} aria-labelledby={id}>
      <header className="panel-head">
        <h2 id={id}>{title}</h2>
        {actions && <div className="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

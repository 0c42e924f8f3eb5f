import type { ReactNode } from 'react';

export interface ButtonProps {
  readonly children: ReactNode;
  readonly onPress: () => void;
  readonly look?: 'primary' | 'plain' | 'quiet';
  /** What it acts on: added to the name that assistive technology reads. */
  readonly of?: string | undefined;
  readonly disabled?: boolean;
}

export function Button({ children, onPress, look = 'plain', of, disabled = false }: ButtonProps) {
  return (
    <button type="button" className={`button ${look}`} onClick={onPress} disabled={disabled}>
      {children}
      {of !== undefined && <span className="unseen"> {of}</span>}
    </button>
  );
}

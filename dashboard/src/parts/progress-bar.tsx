export interface ProgressBarProps {
  /** Between 0 and 1. */
  readonly share: number;
  readonly label: string;
  readonly valueText: string;
  readonly tone?: 'active' | 'still' | 'good' | 'bad';
}

/** Drawn in SVG: the page's policy allows no style attributes in the document, and a rect needs none. */
export function ProgressBar({ share, label, valueText, tone = 'active' }: ProgressBarProps) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10;
  return (
    <div
      className={`bar ${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(percent)}
      aria-valuetext={valueText}
    >
      <svg preserveAspectRatio="none" viewBox="0 0 100 1" aria-hidden="true">
        <rect width={percent} height="1" />
      </svg>
    </div>
  );
}

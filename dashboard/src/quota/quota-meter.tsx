import type { Quota } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { Panel } from '../parts/panel.tsx';

/** Used, reserved, and what the chosen files would add, in one bar. */
export function QuotaMeter({ quota, batchBytes }: { readonly quota: Quota; readonly batchBytes: number }) {
  const { words, format } = useLanguage();
  const { quota_limit: limit, quota_used: used, quota_reserved: reserved } = quota;
  const tooMuch = batchBytes > quota.quota_remaining;
  const summary = words.quota.summary(
    format.size(used),
    format.size(reserved),
    format.size(batchBytes),
    format.size(limit),
  );
  return (
    <Panel title={words.quota.title} name="quota">
      <p className="room">
        <strong>{words.quota.left(format.size(quota.quota_remaining))}</strong>{' '}
        <span className="dim">{words.quota.of(format.size(limit))}</span>
      </p>
      <QuotaBar parts={[used, reserved, batchBytes]} limit={limit} tooMuch={tooMuch} label={summary} />
      <dl className="legend">
        <Part name="used" label={words.quota.used} value={format.size(used)} />
        <Part name="reserved" label={words.quota.reserved} value={format.size(reserved)} />
        {batchBytes > 0 && (
          <Part
            name={tooMuch ? 'over' : 'batch'}
            label={words.quota.batch}
            value={`+ ${format.size(batchBytes)}`}
          />
        )}
      </dl>
      <p className="dim small">{words.quota.resets(format.day(quota.reset_date))}</p>
    </Panel>
  );
}

interface QuotaBarProps {
  /** Bytes, from the beginning of the bar on. */
  readonly parts: readonly number[];
  readonly limit: number;
  readonly tooMuch: boolean;
  readonly label: string;
}

const NAMES = ['used', 'reserved', 'batch'];

function QuotaBar({ parts, limit, tooMuch, label }: QuotaBarProps) {
  let start = 0;
  return (
    <div className="bar quota-bar" role="img" aria-label={label}>
      <svg preserveAspectRatio="none" viewBox="0 0 100 1" aria-hidden="true">
        {parts.map((bytes, index) => {
          const width = Math.min(100 - start, (bytes / limit) * 100);
          const x = start;
          start += width;
          const name = NAMES[index] ?? '';
          return (
            <rect
              key={name}
              className={name === 'batch' && tooMuch ? 'over' : name}
              x={x}
              width={width}
              height="1"
            />
          );
        })}
      </svg>
    </div>
  );
}

function Part({
  name,
  label,
  value,
}: {
  readonly name: string;
  readonly label: string;
  readonly value: string;
}) {
  return (
    <div className={`part ${name}`}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

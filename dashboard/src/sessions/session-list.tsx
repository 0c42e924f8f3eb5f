import type { SessionStatus } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import { FileTile } from '../parts/file-tile.tsx';
import { Panel } from '../parts/panel.tsx';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { useNow } from '../parts/use-now.ts';

export interface SessionListProps {
  /** Live sessions that nothing on this page is sending to. */
  readonly sessions: readonly SessionStatus[];
  readonly isMoving: (session: SessionStatus) => boolean;
  readonly onChoose: (session: SessionStatus) => void;
  readonly onCancel: (session: SessionStatus) => void;
}

/** Uploads that were begun earlier or elsewhere. */
export function SessionList({ sessions, isMoving, onChoose, onCancel }: SessionListProps) {
  const { words } = useLanguage();
  const now = useNow(sessions.length > 0);
  if (sessions.length === 0) return null;
  return (
    <Panel title={words.sessions.title} name="sessions">
      <p className="dim small">{words.sessions.lead}</p>
      <ul className="rows">
        {sessions.map((session) => (
          <SessionRow
            key={session.session_id}
            session={session}
            now={now}
            moving={isMoving(session)}
            onChoose={() => onChoose(session)}
            onCancel={() => onCancel(session)}
          />
        ))}
      </ul>
    </Panel>
  );
}

interface SessionRowProps {
  readonly session: SessionStatus;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly moving: boolean;
  readonly onChoose: () => void;
  readonly onCancel: () => void;
}

function SessionRow({ session, now, moving, onChoose, onCancel }: SessionRowProps) {
  const { words, format } = useLanguage();
  const name = session.filename ?? words.sessions.unnamed;
  const total = session.upload_length ?? session.expected_file_size;
  const share = total ? session.upload_offset / total : 0;
  const seconds = (Date.parse(session.expires_at) - now) / 1000;
  return (
    <li className="row" data-session={session.session_id}>
      <FileTile name={name} format={session.file_format} />
      <div className="what">
        <p className="name" dir="auto">
          {name}
        </p>
        <ProgressBar
          share={share}
          tone={moving ? 'active' : 'still'}
          label={words.uploads.progressOf(name)}
          valueText={format.percent(share)}
        />
        <p className="facts dim small">
          <span>{format.percent(share)}</span>
          {total !== null && <span>{format.size(total)}</span>}
          <span>{words.uploads.expiresIn(format.duration(seconds))}</span>
        </p>
        {moving && <p className="small">{words.sessions.moving}</p>}
      </div>
      <div className="actions">
        {/* Without a name nobody can tell whether a file is the one that was begun. */}
        {!moving && session.filename !== null && (
          <Button onPress={onChoose} of={name}>
            {words.sessions.chooseAgain}
          </Button>
        )}
        <Button look="quiet" onPress={onCancel} of={name}>
          {words.uploads.cancel}
        </Button>
      </div>
    </li>
  );
}

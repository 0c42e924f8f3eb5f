import type { SessionStatus } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { FileTile } from '../parts/file-tile.tsx';
import { Panel } from '../parts/panel.tsx';

export function RecentList({ sessions }: { readonly sessions: readonly SessionStatus[] }) {
  const { words, format } = useLanguage();
  if (sessions.length === 0) return null;
  return (
    <Panel title={words.recent.title} name="recent">
      <ul className="rows">
        {sessions.map((session) => (
          <li key={session.session_id} className="row">
            <FileTile
              name={session.filename ?? ''}
              size={session.upload_offset}
              format={session.file_format}
            />
            <div className="what">
              <p className="name" dir="auto">
                {session.filename ?? words.sessions.unnamed}
              </p>
              <p className="facts dim small">
                <span>{format.size(session.upload_offset)}</span>
                {session.completed_at && <span>{words.recent.at(format.moment(session.completed_at))}</span>}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

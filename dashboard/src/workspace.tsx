import type { SluiceClient } from '@sluice/client';
import { useUpload } from '@sluice/client/react';
import type { UseAccount } from './account/use-account.ts';
import { Announcer } from './announce/announcer.tsx';
import { ChosenList } from './choose/chosen-list.tsx';
import { DropZone } from './choose/drop-zone.tsx';
import { RefusedList } from './choose/refused-list.tsx';
import { useChosen } from './choose/use-chosen.ts';
import { ConnectionNotice } from './notice/connection-notice.tsx';
import { useTryNow } from './notice/use-try-now.ts';
import { QuotaMeter } from './quota/quota-meter.tsx';
import type { ServiceLimits } from './service-limits.ts';
import { cancelSession } from './sessions/cancel-session.ts';
import { RecentList } from './sessions/recent-list.tsx';
import { SessionList } from './sessions/session-list.tsx';
import { useOtherSessions } from './sessions/use-other-sessions.ts';
import { UploadList } from './upload/upload-list.tsx';

export interface WorkspaceProps {
  readonly client: SluiceClient;
  readonly account: UseAccount;
  readonly limits: ServiceLimits;
}

/** Everything that a signed-in user sees. */
export function Workspace({ client, account, limits }: WorkspaceProps) {
  const list = useUpload(client);
  const others = useOtherSessions(account, list.uploads);
  const chosen = useChosen({ list, account, limits, moving: others.moving });
  const tryNow = useTryNow(list, account.fault);
  const shown = new Set(list.uploads.map(({ session }) => session?.sessionId));

  return (
    <div className="columns">
      <ConnectionNotice
        fault={chosen.fault ?? account.fault}
        uploads={list.uploads}
        onTryNow={() => {
          account.refresh();
          tryNow();
        }}
      />
      <div className="flow">
        <DropZone limits={limits} small={chosen.files.length > 0} onFiles={chosen.add} />
        <RefusedList files={chosen.refused} limits={limits} onDismiss={chosen.dismiss} />
        {chosen.plan && chosen.plan.files.length > 0 && (
          <ChosenList
            plan={chosen.plan}
            settings={chosen.settings}
            busy={chosen.busy}
            onSettings={chosen.setSettings}
            onRemove={chosen.remove}
            onClear={chosen.clear}
            onStart={() => void chosen.start()}
          />
        )}
        <UploadList list={list} sessions={account.sessions ?? []} onChoose={() => void chosen.pick()} />
        <SessionList
          sessions={others.sessions}
          isMoving={(session) => others.moving.includes(session)}
          onChoose={(session) => void chosen.pickFor(session)}
          onCancel={(session) => void cancelSession(session).finally(account.refresh)}
        />
      </div>
      <div className="side">
        {account.quota && <QuotaMeter quota={account.quota} batchBytes={chosen.plan?.requiredBytes ?? 0} />}
        <RecentList sessions={account.recent.filter(({ session_id }) => !shown.has(session_id))} />
      </div>
      <Announcer uploads={list.uploads} />
    </div>
  );
}

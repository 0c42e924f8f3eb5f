import type { BatchPlan, PlannedFile } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import { FileTile } from '../parts/file-tile.tsx';
import { Panel } from '../parts/panel.tsx';
import { ContextFields } from './context-fields.tsx';
import type { UploadSettings } from './upload-settings.ts';

export interface ChosenListProps {
  readonly plan: BatchPlan;
  readonly settings: UploadSettings;
  readonly busy: boolean;
  readonly onSettings: (settings: UploadSettings) => void;
  readonly onRemove: (file: File) => void;
  readonly onClear: () => void;
  readonly onStart: () => void;
}

/** The files before their start: what each would do, and whether there is room for all of them. */
export function ChosenList(props: ChosenListProps) {
  const { plan, settings, busy, onSettings, onRemove, onClear, onStart } = props;
  const { words, format } = useLanguage();
  const fitting = plan.files.filter(({ verdict }) => verdict !== 'does_not_fit').length;
  const total = plan.files.reduce((sum, { file }) => sum + file.size, 0);
  return (
    <Panel
      title={words.chosen.title}
      name="chosen"
      actions={
        <Button look="quiet" onPress={onClear}>
          {words.chosen.clear}
        </Button>
      }
    >
      {!plan.fits && <DoesNotFit plan={plan} fitting={fitting} />}
      <ul className="rows">
        {plan.files.map((planned) => (
          <ChosenRow
            key={`${planned.file.name} ${planned.file.size}`}
            planned={planned}
            onRemove={() => onRemove(planned.file)}
          />
        ))}
      </ul>
      <ContextFields settings={settings} onChange={onSettings} />
      <div className="actions start">
        {fitting > 0 && (
          <Button look="primary" onPress={onStart} disabled={busy || settings.section.trim() === ''}>
            {plan.fits ? words.chosen.start(fitting) : words.chosen.startFitting(fitting)}
          </Button>
        )}
        <span className="dim">{words.chosen.total(format.size(total))}</span>
      </div>
    </Panel>
  );
}

function DoesNotFit({ plan, fitting }: { readonly plan: BatchPlan; readonly fitting: number }) {
  const { words, format } = useLanguage();
  const { quota_remaining: room, reset_date: reset } = plan.quota;
  return (
    <div className="note warn" role="alert">
      <h3>{words.chosen.tooMuch(format.size(plan.requiredBytes), format.size(room))}</h3>
      <p>
        {fitting > 0
          ? words.chosen.whichFit(fitting, plan.files.length)
          : words.chosen.noneFits(format.day(reset))}
      </p>
    </div>
  );
}

function ChosenRow({ planned, onRemove }: { readonly planned: PlannedFile; readonly onRemove: () => void }) {
  const { words, format } = useLanguage();
  const { file, verdict, session } = planned;
  return (
    <li className="row" data-verdict={verdict}>
      <FileTile name={file.name} size={file.size} />
      <div className="what">
        <p className="name" dir="auto">
          {file.name}
        </p>
        <p className="dim small">
          {format.size(file.size)}
          {verdict === 'does_not_fit' && <span className="tag bad">{words.chosen.doesNotFit}</span>}
          {session && (
            <span className="tag good">
              {words.chosen.resumes(format.percent(session.upload_offset / file.size))}
            </span>
          )}
        </p>
      </div>
      <Button look="quiet" onPress={onRemove} of={file.name}>
        {words.chosen.remove}
      </Button>
    </li>
  );
}

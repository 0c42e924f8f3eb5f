import { useId } from 'react';
import { useLanguage } from '../language/language.ts';
import type { UploadSettings } from './upload-settings.ts';
import { WORKFLOWS } from './upload-settings.ts';

export interface ContextFieldsProps {
  readonly settings: UploadSettings;
  readonly onChange: (settings: UploadSettings) => void;
}

/** Where the videos belong, and what is to be done with them. */
export function ContextFields({ settings, onChange }: ContextFieldsProps) {
  const { words } = useLanguage();
  const id = useId();
  return (
    <div className="fields">
      <label className="field">
        <span>{words.choose.section}</span>
        <input
          value={settings.section}
          maxLength={64}
          required
          autoComplete="off"
          spellCheck={false}
          list={`${id}-sections`}
          onChange={(event) => onChange({ ...settings, section: event.target.value })}
        />
        <datalist id={`${id}-sections`}>
          <option value="video_analysis" />
          <option value="training" />
          <option value="archive" />
        </datalist>
      </label>
      <label className="field">
        <span>{words.choose.workflow}</span>
        <select
          value={settings.workflow}
          onChange={(event) => {
            const workflow = WORKFLOWS.find((name) => name === event.target.value);
            if (workflow) onChange({ ...settings, workflow });
          }}
        >
          {WORKFLOWS.map((name) => (
            <option key={name} value={name}>
              {words.choose.workflows[name]}
            </option>
          ))}
        </select>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={settings.checksum}
          aria-describedby={`${id}-hint`}
          onChange={(event) => onChange({ ...settings, checksum: event.target.checked })}
        />
        <span>
          {words.choose.checksum}
          <small id={`${id}-hint`} className="dim">
            {words.choose.checksumHint}
          </small>
        </span>
      </label>
    </div>
  );
}

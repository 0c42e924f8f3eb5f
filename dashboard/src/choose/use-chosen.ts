import {
  type BatchPlan,
  isSluiceApiError,
  planBatch,
  type SessionStatus,
  type SluiceApiError,
} from '@sluice/client';
import type { UseUpload } from '@sluice/client/react';
import { useCallback, useRef, useState } from 'react';
import type { UseAccount } from '../account/use-account.ts';
import { previews } from '../preview/previews.ts';
import type { ServiceLimits } from '../service-limits.ts';
import { acceptedEndings, type RefusedFile, reasonToRefuse } from './accept.ts';
import { pickFiles } from './file-picker.ts';
import { type UploadSettings, USUAL_SETTINGS } from './upload-settings.ts';

export interface ChosenDeps {
  readonly list: UseUpload;
  readonly account: UseAccount;
  readonly limits: ServiceLimits;
  /** Sessions that somebody else is feeding. */
  readonly moving: readonly SessionStatus[];
}

/** The files before their start, those that were not taken, and the start itself. */
export function useChosen(deps: ChosenDeps) {
  const [files, setFiles] = useState<readonly File[]>([]);
  const [refused, setRefused] = useState<readonly RefusedFile[]>([]);
  const [settings, setSettings] = useState<UploadSettings>(USUAL_SETTINGS);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<SluiceApiError | null>(null);
  const now = useRef({ ...deps, files });
  now.current = { ...deps, files };

  const add = useCallback((offered: readonly File[]) => {
    const { list, limits, moving, files: before } = now.current;
    const onTheirWay = list.uploads
      .filter(({ state }) => state !== 'done' && state !== 'cancelled')
      .map(({ filename, bytesTotal }) => ({ name: filename, size: bytesTotal }));
    const taken = [...before];
    const not: RefusedFile[] = [];
    for (const file of offered) {
      const reason = reasonToRefuse(file, { limits, present: [...taken, ...onTheirWay], moving });
      if (reason === null) taken.push(file);
      else not.push({ name: file.name, reason });
    }
    for (const file of taken) previews.want(file);
    setFiles(taken);
    setRefused(not);
    setFault(null);
  }, []);

  const { quota, sessions } = deps.account;
  const plan: BatchPlan | null = quota && planBatch(files, quota, sessions ?? []);

  async function launch(some: readonly File[]): Promise<void> {
    setBusy(true);
    try {
      const started = await deps.list.start(some, {
        context: { source_section: settings.section.trim(), workflow_type: settings.workflow },
        sha256: settings.checksum,
        onlyFitting: true,
      });
      const gone = started.files.filter(({ verdict }) => verdict !== 'does_not_fit').map(({ file }) => file);
      setFiles(now.current.files.filter((file) => !gone.includes(file)));
      setFault(null);
    } catch (error) {
      if (isSluiceApiError(error)) setFault(error);
    } finally {
      setBusy(false);
      deps.account.refresh();
    }
  }

  return {
    files,
    plan,
    refused,
    settings,
    busy,
    /** Why the last start did not come about. */
    fault,
    add,
    setSettings,
    start: () => launch(files),
    remove: (file: File) => setFiles(files.filter((other) => other !== file)),
    clear: () => setFiles([]),
    dismiss: () => setRefused([]),
    async pick() {
      add(await pickFiles({ accept: acceptedEndings(deps.limits) }));
    },
    /** Goes on with the session at once, where the file that is chosen is its own. */
    async pickFor(session: SessionStatus) {
      const [file] = await pickFiles({ multiple: false });
      if (!file) return;
      const length = session.upload_length ?? session.expected_file_size;
      const isIt = file.name === session.filename && (length === null || length === file.size);
      setRefused(isIt ? [] : [{ name: file.name, reason: { notOfSession: session.filename ?? '' } }]);
      if (!isIt) return;
      previews.want(file);
      await launch([file]);
    },
  };
}

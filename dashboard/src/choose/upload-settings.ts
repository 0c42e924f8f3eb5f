export const WORKFLOWS = [
  'single_upload',
  'batch_upload',
  'training_upload',
  'analysis_upload',
  'validation_upload',
] as const;

/** What holds for all files that are started together. */
export interface UploadSettings {
  readonly section: string;
  readonly workflow: (typeof WORKFLOWS)[number];
  readonly checksum: boolean;
}

export const USUAL_SETTINGS: UploadSettings = {
  section: 'video_analysis',
  workflow: 'single_upload',
  checksum: false,
};

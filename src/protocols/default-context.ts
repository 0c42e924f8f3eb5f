/** The dashboard context of uploads that stock tus and IETF clients create, as far as they tell nothing. */
export const DEFAULT_CONTEXT = {
  source_section: 'video_analysis',
  workflow_type: 'single_upload',
  user_preferences: {},
  metadata: null,
} as const;

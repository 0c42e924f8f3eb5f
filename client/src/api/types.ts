/** Made from openapi.json by scripts/generate-types.ts: change that, not this. */

export interface SessionStatus {
  session_id: string;
  /** UUID of the owner, in lower case. */
  user_id: string;
  status: 'active' | 'completed' | 'failed' | 'cancelled' | 'expired';
  /** When the session was created. */
  created_at: string;
  /** When the session ends unless more bytes arrive. */
  expires_at: string;
  /** The context, exactly as it was sent. */
  dashboard_context: { [name: string]: unknown };
  /** Where the bytes go; null unless the session is active. */
  upload_url: string | null;
  is_expired: boolean;
  /** Whether the session still takes bytes. */
  is_valid: boolean;
  /** Declared size. */
  expected_file_size: number | null;
  /** Container: as recognised, before that as declared. */
  file_format: string | null;
  filename: string | null;
  /** Bytes stored so far. */
  upload_offset: number;
  /** Length of the whole file; null while unknown. */
  upload_length: number | null;
  /** When the upload was completed. */
  completed_at: string | null;
  /** Digest of the finished file, before that as declared. */
  sha256: string | null;
  failure: {
    error_code: string;
    error_message: string;
  } | null;
}

export interface Quota {
  /** Most that may be used in one period. */
  quota_limit: number;
  /** Bytes of uploads completed in this period. */
  quota_used: number;
  /** Bytes promised to live sessions. */
  quota_reserved: number;
  /** Limit less used and reserved. */
  quota_remaining: number;
  /** GB of 1024³ bytes, two decimals; so the next two. */
  quota_limit_gb: number;
  quota_used_gb: number;
  quota_remaining_gb: number;
  /** Used in percent of the limit, two decimals. */
  usage_percentage: number;
  /** When the period ends and usage starts again from zero. */
  reset_date: string;
  active_sessions: number;
  max_active_sessions: number;
}

export interface InitiateRequest {
  /** At most 16 KiB of JSON; it comes back exactly as sent. */
  dashboard_context: {
    /** 1–64 characters, not counting blanks around them. */
    source_section: string;
    /** What the dashboard does with the file. */
    workflow_type:
      | 'single_upload'
      | 'batch_upload'
      | 'training_upload'
      | 'analysis_upload'
      | 'validation_upload';
    /** Anything. */
    user_preferences?: { [name: string]: unknown } | null;
    /** Anything. */
    metadata?: { [name: string]: unknown } | null;
  };
  /** Bytes, at most max_file_size. Without it as much as possible is reserved. */
  expected_file_size?: number | null;
  /** One of allowed_formats, in any case. */
  file_format?: string | null;
  /** Shown, never a path. */
  filename?: string | null;
  /** `direct`: the parts go to the object store, by URLs from `POST {upload_url}/parts`. Needs expected_file_size. */
  transfer?: 'direct' | null;
  /** The finished file must have this digest. */
  sha256?: string | null;
}

export interface InitiateResponse {
  session_id: string;
  /** Where the file goes; it holds the upload token. */
  upload_url: string;
  /** The most this session may hold, in bytes. */
  max_file_size: number;
  allowed_formats: string[];
  /** What is left after this reservation, in bytes. */
  remaining_quota: number;
  quota_limit: number;
  session_expires_at: string;
  /** The context, exactly as it was sent. */
  dashboard_context: { [name: string]: unknown };
  upload_instructions: {
    method: 'PUT';
    headers: { [name: string]: string };
    /** Seconds. */
    timeout: number;
    protocols: string[];
    tus_endpoint: string;
    transfer?: 'direct';
    /** Direct mode: bytes of every part but the last. */
    part_size?: number;
    part_count?: number;
  };
}

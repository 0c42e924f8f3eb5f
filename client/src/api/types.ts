export interface SessionStatus {
  session_id: string;
  user_id: string;
  status: 'active' | 'completed' | 'failed' | 'cancelled' | 'expired';
  created_at: string;
  expires_at: string;
  dashboard_context: { [name: string]: unknown };
  upload_url: string | null;
  is_expired: boolean;
  is_valid: boolean;
  expected_file_size: number | null;
  file_format: string | null;
  filename: string | null;
  upload_offset: number;
  upload_length: number | null;
  completed_at: string | null;
  sha256: string | null;
  failure: { error_code: string; error_message: string } | null;
}

export interface Quota {
  quota_limit: number;
  quota_used: number;
  quota_reserved: number;
  quota_remaining: number;
  quota_limit_gb: number;
  quota_used_gb: number;
  quota_remaining_gb: number;
  usage_percentage: number;
  reset_date: string;
  active_sessions: number;
  max_active_sessions: number;
}

export interface InitiateRequest {
  dashboard_context: {
    source_section: string;
    workflow_type:
      | 'single_upload'
      | 'batch_upload'
      | 'training_upload'
      | 'analysis_upload'
      | 'validation_upload';
    user_preferences?: { [name: string]: unknown };
    metadata?: { [name: string]: unknown } | null;
  };
  expected_file_size?: number;
  file_format?: string;
  filename?: string;
  sha256?: string;
}

export interface InitiateResponse {
  session_id: string;
  upload_url: string;
  max_file_size: number;
  allowed_formats: string[];
  remaining_quota: number;
  quota_limit: number;
  session_expires_at: string;
  dashboard_context: { [name: string]: unknown };
}

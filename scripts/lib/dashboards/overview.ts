import { ALL, type DashboardPlan, quantiles, rate } from './plan.ts';

const INITIATE = `${ALL},method="POST",route=~"/v1/dashboard/upload/initiate|/v1/uploads"`;

export const OVERVIEW: DashboardPlan = {
  uid: 'sluice-overview',
  title: 'Sluice',
  description: 'How uploads do: the promises, admissions and refusals, bytes, endings.',
  rows: [
    {
      title: 'Promises',
      panels: [
        {
          title: 'Requests for a session that end with a 5xx, last hour',
          about: 'The promise is 0.1 %.',
          kind: 'stat',
          unit: 'percentunit',
          lines: [['sluice:initiate_errors:ratio_rate1h', '']],
          bad: 0.001,
        },
        {
          title: 'Requests for a session above 50 ms, last hour',
          about: 'The promise is 1 %.',
          kind: 'stat',
          unit: 'percentunit',
          lines: [['sluice:initiate_slow:ratio_rate1h', '']],
          bad: 0.01,
        },
        {
          title: 'Events later than 30 s, last hour',
          about: 'The promise is 1 %.',
          kind: 'stat',
          unit: 'percentunit',
          lines: [['sluice:webhook_late:ratio_rate1h', '']],
          bad: 0.01,
        },
        {
          title: 'Acknowledged bytes lost, last day',
          about: 'The promise is 0.',
          kind: 'stat',
          unit: 'bytes',
          lines: [['sum(increase(upload_lost_acknowledged_bytes_total{job="sluice"}[1d]))', '']],
          bad: 1,
        },
      ],
    },
    {
      title: 'Admissions',
      panels: [
        {
          title: 'Requests for a session',
          about: 'By what became of them; refusals by their error code.',
          unit: 'reqps',
          lines: [[`sum by (outcome) (${rate('upload_initiate_total')}) > 0`, '{{outcome}}']],
          stacked: true,
        },
        {
          title: 'Time to answer a request for a session',
          unit: 's',
          lines: [0.5, 0.99].map((q) => [
            `histogram_quantile(${q}, sum by (le) (rate(http_server_request_duration_seconds_bucket{${INITIATE}}[$__rate_interval])))`,
            `${q * 100} %`,
          ]),
          bad: 0.05,
        },
        {
          title: 'Time to decide on a reservation',
          unit: 's',
          lines: quantiles('quota_admission_duration_seconds'),
        },
      ],
    },
    {
      title: 'Uploads',
      panels: [
        {
          title: 'Bytes that come in',
          unit: 'Bps',
          lines: [
            [
              `sum by (protocol, backend) (${rate('upload_bytes_received_total')}) > 0`,
              '{{protocol}} to {{backend}}',
            ],
          ],
          stacked: true,
        },
        {
          title: 'Uploads that end',
          unit: 'ops',
          lines: [[`sum by (outcome) (${rate('upload_completed_total')}) > 0`, '{{outcome}}']],
          stacked: true,
        },
        {
          title: 'From session to file',
          unit: 's',
          lines: quantiles('upload_duration_seconds'),
        },
        {
          title: 'Resumed, and refused for their offset',
          unit: 'ops',
          lines: [
            [`sum(${rate('upload_resume_total')})`, 'resumed'],
            [`sum(${rate('upload_offset_conflict_total')})`, 'wrong offset'],
          ],
        },
        {
          title: 'Transfers that broke off',
          about: 'What had come is kept.',
          unit: 'ops',
          lines: [[`sum by (reason) (${rate('upload_aborted_total')}) > 0`, '{{reason}}']],
        },
        {
          title: 'Live sessions',
          unit: 'short',
          lines: [['max(upload_sessions_active{job="sluice"})', 'sessions']],
        },
      ],
    },
    {
      title: 'Quota',
      panels: [
        {
          title: 'Reserved by live sessions',
          unit: 'bytes',
          lines: [['max(quota_reserved_bytes{job="sluice"})', 'reserved']],
        },
        {
          title: 'Refused for want of quota',
          about: 'Of all requests for a session.',
          unit: 'percentunit',
          lines: [
            [
              `sum(${rate('upload_initiate_total', 'outcome="quota_exceeded"')}) / sum(${rate('upload_initiate_total')})`,
              'quota exceeded',
            ],
            [
              `sum(${rate('upload_initiate_total', 'outcome="session_limit_exceeded"')}) / sum(${rate('upload_initiate_total')})`,
              'too many sessions',
            ],
          ],
        },
        {
          title: 'Drift, and reservations that expired',
          about: 'Drift without a failover before it is a fault.',
          unit: 'short',
          lines: [
            ['max(quota_drift_bytes{job="sluice"})', 'bytes of drift'],
            [
              `sum(increase(quota_expired_reservations_total{${ALL}}[$__rate_interval]))`,
              'expired reservations',
            ],
          ],
        },
      ],
    },
  ],
};

import { ALL, type DashboardPlan, quantile, quantiles, rate } from './plan.ts';

export const PARTS: DashboardPlan = {
  uid: 'sluice-parts',
  title: 'Sluice: stores and processes',
  description: 'What the service stands on: Redis, ledger, storage, outbox, processes.',
  rows: [
    {
      title: 'Redis and ledger',
      panels: [
        {
          title: 'Commands to Redis, the slowest of a hundred',
          unit: 's',
          lines: [[quantile(0.99, 'redis_command_duration_seconds', 'cmd'), '{{cmd}}']],
        },
        {
          title: 'Commands to Redis that fail',
          unit: 'ops',
          lines: [
            [`sum by (cmd) (${rate('redis_command_duration_seconds_count', 'outcome="error"')})`, '{{cmd}}'],
          ],
        },
        {
          title: 'Breaker of Redis',
          about: '0 all is well, 1 one call looks whether it is back, 2 calls are refused.',
          unit: 'short',
          lines: [[`max by (instance) (redis_breaker_state{${ALL}})`, '{{instance}}']],
          bad: 1,
        },
        { title: 'Time to count an upload', unit: 's', lines: quantiles('settlement_duration_seconds') },
      ],
    },
    {
      title: 'Storage',
      panels: [
        {
          title: 'Operations, the slowest of a hundred',
          unit: 's',
          lines: [[quantile(0.99, 'storage_op_duration_seconds', 'backend, op'), '{{op}} on {{backend}}']],
        },
        {
          title: 'Operations that fail',
          unit: 'ops',
          lines: [
            [
              `sum by (backend, op, outcome) (${rate('storage_op_duration_seconds_count', 'outcome!="ok"')})`,
              '{{op}} on {{backend}}: {{outcome}}',
            ],
          ],
        },
        {
          title: 'Left over in the bucket',
          about: 'At the last look, which removed it.',
          unit: 'short',
          lines: [['max(multipart_orphans{job="sluice"})', 'unfinished']],
        },
      ],
    },
    {
      title: 'Events',
      panels: [
        { title: 'Waiting', unit: 'short', lines: [['max(outbox_pending{job="sluice"})', 'events']] },
        {
          title: 'Age of the oldest',
          unit: 's',
          lines: [['max(outbox_oldest_seconds{job="sluice"})', 'oldest']],
          bad: 900,
        },
        {
          title: 'Attempts',
          unit: 'ops',
          lines: [[`sum by (outcome) (${rate('webhook_attempts_total')})`, '{{outcome}}']],
        },
      ],
    },
    {
      title: 'Processes',
      panels: [
        {
          title: 'Requests by answer',
          unit: 'reqps',
          lines: [
            [
              `sum by (status_code) (${rate('http_server_request_duration_seconds_count')})`,
              '{{status_code}}',
            ],
          ],
          stacked: true,
        },
        {
          title: 'Event loop, the latest of a hundred turns',
          unit: 's',
          lines: [[`max by (instance) (nodejs_eventloop_lag_p99_seconds{${ALL}})`, '{{instance}}']],
          bad: 0.25,
        },
        {
          title: 'Memory',
          unit: 'bytes',
          lines: [[`sum by (instance) (process_resident_memory_bytes{${ALL}})`, '{{instance}}']],
        },
        {
          title: 'Processor',
          about: '1 is one core.',
          unit: 'short',
          lines: [[`sum by (instance) (${rate('process_cpu_seconds_total')})`, '{{instance}}']],
        },
        {
          title: 'Bad credentials',
          unit: 'ops',
          lines: [[`sum by (scheme, reason) (${rate('auth_failures_total')}) > 0`, '{{scheme}}: {{reason}}']],
        },
        {
          title: 'Versions',
          unit: 'short',
          lines: [
            [
              'sum by (version, node_version) (sluice_build_info{job="sluice"})',
              '{{version}}, Node {{node_version}}',
            ],
          ],
        },
      ],
    },
  ],
};

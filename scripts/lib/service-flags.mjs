/**
 * How Node runs the service. A small young generation: an upload's bytes pass through buffers outside of it,
 * and its default of 16 MiB a half only makes the process 20 MB larger.
 */
export const SERVICE_FLAGS = ['--max-semi-space-size=4'];

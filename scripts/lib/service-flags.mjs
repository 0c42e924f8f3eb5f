/**
 * How Node runs the service. A small young generation: an upload's bytes pass through buffers outside of it,
 * and its default of 16 MiB a half makes the process 20 MB larger. With 4 MiB it is
 * collected twice as often, and each time what requests under way hold is copied.
 */
export const SERVICE_FLAGS = ['--max-semi-space-size=8'];

/**
 * How Node runs the service.
 *
 * - A small young generation: an upload's bytes pass through buffers outside of it, and its default of 16 MiB a half
 *   only makes the process 20 MB larger.
 * - Nothing is allocated as old because others of its kind grew old. V8 draws that conclusion when requests are slow at
 *   the wrong moment, and what is dead there then keeps all of a request, 7 kB, from being cleared young.
 */
export const SERVICE_FLAGS = ['--max-semi-space-size=4', '--no-allocation-site-pretenuring'];

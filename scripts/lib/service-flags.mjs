/**
 * How Node runs the service.
 *
 * - A young generation of 8 MiB a half: with 4 a collection comes twice as often, while more requests are under way, and
 *   an initiate takes a tenth more; the default of 16 brings little beyond that and makes the process 10 MB larger.
 * - Nothing is allocated as old because others of its kind grew old. V8 draws that conclusion when requests are slow at
 *   the wrong moment, and what is dead there then keeps all of a request, 7 kB, from being cleared young.
 */
export const SERVICE_FLAGS = ['--max-semi-space-size=8', '--no-allocation-site-pretenuring'];

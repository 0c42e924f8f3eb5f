import type { Administration } from '../../core/administration.ts';
import type { Audit } from '../../log/audit.ts';
import type { RouteDeps } from './route-deps.ts';

/** What the routes of administrators share. */
export interface AdminRouteDeps extends Pick<RouteDeps, 'uploads' | 'authenticate'> {
  readonly administration: Administration;
  readonly audit?: Audit | undefined;
}

import type { FastifyInstance } from 'fastify';
import { pathOf } from './problem.ts';

/** Which methods each address has, to tell 405 from 404. */
export interface RouteTable {
  /** Value of `Allow` for the address, or null where nothing is there. */
  methodsFor(url: string): string | null;
}

/** Watches the routes that are registered from now on. */
export function createRouteTable(app: FastifyInstance): RouteTable {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();

  app.addHook('onRoute', (route) => {
    // Wildcards stand for no address in particular.
    if (route.url.includes('*')) return;
    const known = routes.get(route.url) ?? { pattern: patternOf(route.url), methods: new Set() };
    for (const method of [route.method].flat()) known.methods.add(method);
    routes.set(route.url, known);
  });

  return {
    methodsFor(url) {
      const path = pathOf(url);
      for (const { pattern, methods } of routes.values()) {
        if (pattern.test(path)) return [...methods].sort().join(', ');
      }
      return null;
    },
  };
}

/** `/a/:b` as a pattern for `/a/anything`. */
function patternOf(route: string): RegExp {
  const escaped = route.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:[a-z_]+/gi, '[^/]+')}$`);
}

import type { FastifySchemaCompiler } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Settings } from 'typebox/system';
import { type BodyFault, invalidRequest } from './invalid-request.ts';

/** Where the paths of faults begin; a body's are plain JSON pointers. */
const PLACES: Readonly<Record<string, string>> = {
  querystring: 'query',
  params: 'path',
  headers: 'header',
};

/**
 * Validates requests with TypeBox, and lists every fault. Nothing is coerced, filled in or removed, except that
 * whole numbers in a query become numbers.
 */
export function createValidatorCompiler(): FastifySchemaCompiler<TSchema> {
  Settings.Set({ maxErrors: 64 });
  return ({ schema, httpPart = 'body' }) => {
    const validator = Compile(schema);
    const place = PLACES[httpPart] ?? '';
    const shorten = shortener(schema);
    return (given: unknown) => {
      const value = httpPart === 'querystring' ? withNumbers(given, schema) : given;
      shorten?.(value);
      if (validator.Check(value)) return { value };
      return { error: invalidRequest(faultsOf(validator.Errors(value), place)) };
    };
  };
}

/**
 * What cuts arrays that are too long, in place, to one item more than they may have: they are refused all the same.
 * TypeBox looks at all items, and twice, before it counts them. Null where the schema has no such arrays.
 */
function shortener(schema: TSchema): ((value: unknown) => void) | null {
  if (Type.IsArray(schema)) {
    const most = 'maxItems' in schema ? Number(schema.maxItems) : Number.POSITIVE_INFINITY;
    const shorten = shortener(schema.items);
    if (!shorten && most === Number.POSITIVE_INFINITY) return null;
    return (value) => {
      if (!Array.isArray(value)) return;
      if (value.length > most) value.length = most + 1;
      if (shorten) value.forEach(shorten);
    };
  }
  if (!Type.IsObject(schema)) return null;
  const members = Object.entries(schema.properties).flatMap(([name, property]) => {
    const shorten = shortener(property);
    return shorten ? [{ name, shorten }] : [];
  });
  if (members.length === 0) return null;
  return (value) => {
    if (!(value instanceof Object)) return;
    for (const { name, shorten } of members) shorten(Reflect.get(value, name));
  };
}

function faultsOf(errors: readonly TLocalizedValidationError[], place: string): BodyFault[] {
  // A pattern is for readers of the document: where a schema has words for people too, those are told.
  const refined = new Set(
    errors.filter(({ keyword }) => keyword === '~refine').map(({ instancePath }) => instancePath),
  );
  return errors.flatMap((error) => {
    if (error.keyword === 'pattern' && refined.has(error.instancePath)) return [];
    if (error.keyword === 'required') {
      return error.params.requiredProperties.map((name) => ({
        path: `${place}${error.instancePath}/${name}`,
        message: 'is required',
      }));
    }
    return [{ path: place + error.instancePath, message: messageOf(error) }];
  });
}

function messageOf(error: TLocalizedValidationError): string {
  if (error.keyword === 'enum') return `must be one of ${error.params.allowedValues.join(', ')}`;
  return error.message;
}

function withNumbers(query: unknown, schema: TSchema): unknown {
  if (!Type.IsObject(schema) || typeof query !== 'object' || query === null) return query;
  const converted: Record<string, unknown> = { ...query };
  for (const [name, property] of Object.entries(schema.properties)) {
    const text = converted[name];
    if (Type.IsInteger(property) && typeof text === 'string' && /^-?\d{1,15}$/.test(text)) {
      converted[name] = Number(text);
    }
  }
  return converted;
}

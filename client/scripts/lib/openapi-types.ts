/** The part of JSON Schema that the document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
}

interface Body {
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  readonly operationId?: string;
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const COMPONENTS = '#/components/schemas/';
/** As the formatter wants it. */
const LINE_WIDTH = 110;

/** TypeScript for the bodies that the client needs, formatted. Throws where the document has none of that name. */
export function typesFromOpenApi(document: OpenApi): string {
  const initiate = operation(document, 'initiate');
  const types: readonly (readonly [name: string, schema: Schema | undefined])[] = [
    ['SessionStatus', document.components.schemas.SessionStatus],
    ['Quota', document.components.schemas.Quota],
    ['InitiateRequest', initiate.requestBody?.content['application/json']?.schema],
    ['InitiateResponse', initiate.responses['201']?.content['application/json']?.schema],
  ];
  const declarations = types.map(([name, schema]) => {
    if (!schema) throw new Error(`openapi.json does not describe ${name}`);
    const shared = schema.$ref && document.components.schemas[schema.$ref.replace(COMPONENTS, '')];
    return `export interface ${name} ${typeOf(shared || schema, '')}\n`;
  });
  return `/** Made from openapi.json by scripts/generate-types.ts: change that, not this. */\n\n${declarations.join('\n')}`;
}

function operation(document: OpenApi, id: string): Operation {
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const found = operations.find(({ operationId }) => operationId === id);
  if (!found) throw new Error(`openapi.json has no operation ${id}`);
  return found;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref) return schema.$ref.replace(COMPONENTS, '');
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ');
  if (schema.enum) return schema.enum.map((value) => literal(value)).join(' | ');
  if (typeof schema.type === 'object') {
    return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ');
  }
  switch (schema.type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array':
      return `${typeOf(schema.items ?? {}, indent)}[]`;
    case 'object':
      return schema.properties ? objectType(schema, indent) : mapType(schema, indent);
    default:
      return 'unknown';
  }
}

function mapType({ additionalProperties }: Schema, indent: string): string {
  const values = typeof additionalProperties === 'object' ? typeOf(additionalProperties, indent) : 'unknown';
  return `{ [name: string]: ${values} }`;
}

function objectType(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const mark = schema.required?.includes(name) ? '' : '?';
    const comment = descriptionOf(property);
    const line = `${inner}${name}${mark}: ${typeOf(property, inner)};`;
    return [
      ...(comment === null ? [] : [`${inner}/** ${comment} */`]),
      line.length > LINE_WIDTH && property.enum ? wrapped(line, inner) : line,
    ];
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

/** A long union, one member a line. */
function wrapped(line: string, indent: string): string {
  const [name = '', members = ''] = line.split(': ', 2);
  return `${name}:\n${members
    .split(' | ')
    .map((member) => `${indent}  | ${member}`)
    .join('\n')}`;
}

/** That of the type itself where it stands beside null. */
function descriptionOf(schema: Schema): string | null {
  return schema.description ?? schema.anyOf?.find((one) => one.description)?.description ?? null;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

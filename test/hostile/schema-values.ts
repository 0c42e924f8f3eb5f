import fc from 'fast-check';

/** A JSON schema as the OpenAPI document has them, as far as it uses them. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const anyNumber = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -1, 1, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308),
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '../../x',
    '\r\nX: y',
    '\u202e',
    '__proto__',
    'true',
    'null',
    '1e9',
    "'--",
    '12345678-1234-4678-9012-123456789012',
  ),
);

/** Anything that JSON can say. */
export const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText,
    anyNumber,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** Values as the schema wants them, and now and then one that it does not want, in whatever place. */
export function valuesOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 8, arbitrary: fitting(schema) }, { weight: 1, arbitrary: anyJson });
}

function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valuesOf));
  const types = [schema.type ?? []].flat();
  return types.length === 0 ? anyJson : fc.oneof(...types.map((type) => ofType(type, schema)));
}

function ofType(type: string, schema: JsonSchema): fc.Arbitrary<unknown> {
  switch (type) {
    case 'object':
      return schema.properties === undefined
        ? fc.dictionary(anyText, anyJson, { maxKeys: 5 })
        : anObject(schema);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}), { maxLength: 6 });
    case 'integer':
    case 'number':
      return aNumber(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return schema.pattern === undefined
        ? fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 60, 300) })
        : fc.stringMatching(new RegExp(schema.pattern, 'u'));
  }
}

function anObject({ properties = {}, required = [] }: JsonSchema): fc.Arbitrary<unknown> {
  const members = Object.entries(properties).map(([name, schema]) => [name, valuesOf(schema)] as const);
  // Required members are left out now and then, too.
  return fc.oneof(
    { weight: 6, arbitrary: fc.record(Object.fromEntries(members), { requiredKeys: [...required] }) },
    { weight: 1, arbitrary: fc.record(Object.fromEntries(members), { requiredKeys: [] }) },
  );
}

function aNumber({ minimum = -(2 ** 53), maximum = 2 ** 53 }: JsonSchema): fc.Arbitrary<number> {
  return fc.oneof(
    fc.maxSafeInteger().map((n) => Math.min(maximum, Math.max(minimum, n))),
    fc.integer({ min: 0, max: 5000 }).map((n) => Math.min(maximum, minimum + n)),
    fc.constantFrom(minimum, maximum),
  );
}

const csvValue = fc.oneof(
  { weight: 6, arbitrary: fc.uuid() },
  { weight: 6, arbitrary: fc.constantFrom('0', '150', '5GiB', 'default') },
  { weight: 1, arbitrary: anyText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"',
      '""',
      '"a"b',
      '"\n',
      "=cmd|' /C calc'!A0",
      '-1',
      '1e9',
      '٣',
      '\ufeff',
      '\0',
    ),
  },
);
const csvLine = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.uuid(), fc.constantFrom('0', '77MiB', 'default')) },
  { weight: 1, arbitrary: fc.array(csvValue, { maxLength: 4 }) },
);

/** Files of limits, good ones and such as nobody should have made. */
export const quotaFiles: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: fc.constant('user_id,quota_limit') }, { weight: 1, arbitrary: anyText }),
    fc.array(csvLine, { maxLength: 8 }),
    fc.constantFrom('\n', '\r\n', '\r'),
  )
  .map(([names, lines, end]) => [names, ...lines.map((values) => values.join(','))].join(end));

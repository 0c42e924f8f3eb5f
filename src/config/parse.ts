import { type TSchema, Type } from 'typebox';
import { Check } from 'typebox/value';
import { ConfigVariables, type Settings } from './variables.ts';

export type Profile = 'embedded' | 'production';

/** The environment as the process got it. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ParsedSettings {
  readonly settings: Settings;
  /** Names of the variables that the environment sets. */
  readonly given: ReadonlySet<string>;
  /** One sentence for each variable that cannot be used. */
  readonly faults: readonly string[];
}

type Converted = { readonly value: unknown } | { readonly expected: string };

/** Reads every variable strictly. A variable set to nothing counts as unset, as compose files write it. */
export function parseSettings(env: Environment, profile: Profile): ParsedSettings {
  const values: Record<string, unknown> = {};
  const given = new Set<string>();
  const faults: string[] = [];

  for (const [name, schema] of Object.entries<TSchema>(ConfigVariables.properties)) {
    const text = env[name]?.trim() ?? '';
    const fallback =
      (profile === 'embedded' ? annotation(schema, 'embedded') : undefined) ?? annotation(schema, 'default');
    if (text === '') {
      if (fallback !== undefined) values[name] = fallback;
      continue;
    }
    given.add(name);
    const converted = convert(text, schema);
    if ('expected' in converted) {
      const shown = annotation(schema, 'secret') ? 'its value' : JSON.stringify(text);
      faults.push(`${name}: ${shown} is not ${converted.expected}.`);
      // Only to go on and find what else is wrong.
      values[name] = fallback;
      continue;
    }
    values[name] = converted.value;
  }
  return { settings: asSettings(values, faults), given, faults };
}

/** An annotation of `variables.ts` on a variable's schema. */
export function annotation(schema: TSchema, name: 'default' | 'embedded' | 'secret'): unknown {
  return Reflect.get(schema, name);
}

function convert(text: string, schema: TSchema): Converted {
  if (Type.IsInteger(schema)) {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Check(schema, value)
      ? { value }
      : {
          expected: `a whole number from ${Reflect.get(schema, 'minimum')} to ${Reflect.get(schema, 'maximum')}`,
        };
  }
  if (Type.IsBoolean(schema)) {
    const word = text.toLowerCase();
    if (word === 'true' || word === '1') return { value: true };
    if (word === 'false' || word === '0') return { value: false };
    return { expected: '"true" or "false"' };
  }
  if (Type.IsArray(schema)) {
    const items = text.split(',').map((item) => item.trim());
    return items.every((item) => item !== '')
      ? { value: items }
      : { expected: 'a list with commas between its entries' };
  }
  if (Type.IsEnum(schema)) {
    return Check(schema, text) ? { value: text } : { expected: `one of ${schema.enum.join(', ')}` };
  }
  return { value: text };
}

function asSettings(values: Record<string, unknown>, faults: readonly string[]): Settings {
  if (!Check(ConfigVariables, values)) {
    throw new TypeError(`variables.ts contradicts itself: ${faults.join(' ')}`);
  }
  return values;
}

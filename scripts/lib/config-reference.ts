import { type TSchema, Type } from 'typebox';
import { annotation } from '../../src/config/parse.ts';
import { ConfigVariables, VARIABLE_GROUPS } from '../../src/config/variables.ts';

/** docs/config.md: every environment variable, from the one schema that the service reads them by. */
export function describeConfiguration(): string {
  const properties: Readonly<Record<string, TSchema>> = ConfigVariables.properties;
  const sections = VARIABLE_GROUPS.map(({ title, names }) => {
    const rows = names.map((name) => describeVariable(name, properties[name] ?? {}));
    return `## ${title}\n\n| variable | type | production | embedded | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `# Configuration

<!-- Made by "npm run generate" from src/config/variables.ts: change it there. -->

Everything is configured by environment variables. There are two profiles of one program:

- **embedded** (\`npm start\`): whatever is set is honoured; what is not set falls back to one machine, with
  everything under \`DATA_DIR\`. Sessions are kept in SQLite, or in Redis where \`REDIS_HOST\`, \`REDIS_PORT\`,
  \`REDIS_URL\`, \`REDIS_SENTINELS\` or \`REDIS_CLUSTER_NODES\` is set.
- **production** (\`npm run serve\`): nothing is made up. What is missing or wrong is listed, all at once, and the
  process ends with exit code 78.

Booleans are \`true\`, \`false\`, \`1\` or \`0\`. Lists have commas between their entries. A variable that is set to nothing
counts as unset. \`sluice doctor\` checks the configuration and everything it points to.

A name that is nearly one of these, such as \`REDIS_HOSTT\`, is a warning in the log at the start, and a note of
\`sluice doctor\`. Other names are left to other software.
`;

function describeVariable(name: string, schema: TSchema): string {
  const production = annotation(schema, 'default');
  const embedded = annotation(schema, 'embedded') ?? production;
  const description = String(Reflect.get(schema, 'description')).replaceAll('|', '\\|');
  return `| \`${name}\` | ${typeOf(schema)} | ${shown(production)} | ${shown(embedded)} | ${description} |`;
}

function typeOf(schema: TSchema): string {
  if (Type.IsInteger(schema)) {
    return `${Reflect.get(schema, 'minimum')} – ${Reflect.get(schema, 'maximum')}`;
  }
  if (Type.IsBoolean(schema)) return 'boolean';
  if (Type.IsArray(schema)) return 'list';
  if (Type.IsEnum(schema)) return schema.enum.map((value) => `\`${value}\``).join(', ');
  return 'text';
}

function shown(value: unknown): string {
  const text = Array.isArray(value) ? value.join(',') : String(value ?? '');
  return text === '' ? '' : `\`${text}\``;
}

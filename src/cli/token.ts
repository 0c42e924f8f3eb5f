import { PERMISSIONS } from '../http/auth/caller.ts';
import { signAccessToken } from './access-token.ts';
import { type Command, EXIT, print, readArgs, usageFailure } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { readDuration, readUser } from './units.ts';

const DEFAULT_PERMISSIONS = 'upload_files,create_sessions';

export const token: Command = {
  help: `Usage: sluice token --user <uuid> [--permissions <list>] [--ttl <time>]

  --user <uuid>         who the token is for
  --permissions <list>  with commas between, of: ${PERMISSIONS.join(', ')}
                        (default: ${DEFAULT_PERMISSIONS})
  --ttl <time>          how long it is good: 900, 15m, 12h, 7d (default: 1h)`,

  async run(args) {
    const { values } = readArgs(args, {
      user: { type: 'string' },
      permissions: { type: 'string', default: DEFAULT_PERMISSIONS },
      ttl: { type: 'string', default: '1h' },
    });
    const userId = readUser(values.user);
    const permissions = readPermissions(values.permissions);
    const ttlSeconds = readDuration('--ttl', values.ttl);

    const config = configurationFor(profileOf(values));
    const { token: signed, expiresAt } = await signAccessToken(config, { userId, permissions, ttlSeconds });
    print(
      values.json,
      { token: signed, user_id: userId, permissions, expires_at: expiresAt.toISOString() },
      signed,
    );
    return EXIT.ok;
  },
};

function readPermissions(text: string): string[] {
  const known: readonly string[] = PERMISSIONS;
  const permissions = text.split(',').map((permission) => permission.trim());
  for (const permission of permissions) {
    if (!known.includes(permission)) {
      throw usageFailure(`--permissions knows ${known.join(', ')}, but not ${JSON.stringify(permission)}.`);
    }
  }
  return permissions;
}

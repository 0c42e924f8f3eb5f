import { createClient } from '@sluice/client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useAccount } from './account/use-account.ts';
import icon from './icon.svg';
import { useLanguage } from './language/language.ts';
import { Button } from './parts/button.tsx';
import { readServiceLimits } from './service-limits.ts';
import type { SignIn } from './sign-in/sign-in.ts';
import { SignInForm } from './sign-in/sign-in-form.tsx';
import { Workspace } from './workspace.tsx';

const limits = readServiceLimits();

/** One client for as long as the page is open: whoever signs in again keeps the uploads, and they go on. */
export function App({ signIn }: { readonly signIn: SignIn }) {
  const { words } = useLanguage();
  const { token, wanted, refused } = useSyncExternalStore(signIn.subscribe, signIn.snapshot);
  const [client] = useState(() =>
    createClient({ baseUrl: location.origin, credentials: 'same-origin', getToken: signIn.getToken }),
  );
  const account = useAccount(client);
  const known = account.quota !== null;

  useEffect(() => {
    if (!wanted) return;
    const look = () => void signIn.look();
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, [wanted, signIn]);

  function trouble(): string | null {
    if (refused || (token !== null && !known)) return words.signIn.refused;
    return known ? words.signIn.again : null;
  }

  return (
    <>
      <header className="top">
        <h1>
          <img src={icon} alt="" width="28" height="28" /> {words.title}
        </h1>
        {known && token !== null && (
          <Button look="quiet" onPress={signIn.signOut}>
            {words.signOut}
          </Button>
        )}
      </header>
      <main>
        {wanted && <SignInForm trouble={trouble()} onToken={signIn.offer} />}
        {(known || !wanted) && <Workspace client={client} account={account} limits={limits} />}
      </main>
    </>
  );
}

import { createClient, type SluiceClient } from '@sluice/client';
import { useEffect, useRef, useState } from 'react';
import { useAccount } from './account/use-account.ts';
import icon from './icon.svg';
import { useLanguage } from './language/language.ts';
import { Button } from './parts/button.tsx';
import { readServiceLimits } from './service-limits.ts';
import { forgetToken, keepToken, type SignIn } from './sign-in/credentials.ts';
import { SignInForm } from './sign-in/sign-in-form.tsx';
import { Workspace } from './workspace.tsx';

const limits = readServiceLimits();

/** A cookie and a token are two different clients; whoever only renews a token keeps the uploads. */
export function App({ first }: { readonly first: SignIn }) {
  const [signIn, setSignIn] = useState(first);
  return <Desk key={signIn.kind} signIn={signIn} onToken={(text) => setSignIn(keepToken(text))} />;
}

interface DeskProps {
  readonly signIn: SignIn;
  readonly onToken: (text: string) => void;
}

function Desk({ signIn, onToken }: DeskProps) {
  const current = useRef(signIn);
  current.current = signIn;
  const [client] = useState(() => clientFor(() => current.current));
  const account = useAccount(client);
  const { words } = useLanguage();
  const refused = account.fault?.code === 'UNAUTHENTICATED';
  const known = account.quota !== null;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another sign-in is worth another question.
  useEffect(() => account.refresh(), [signIn]);

  function trouble(): string | null {
    if (known) return words.signIn.again;
    return signIn.kind === 'token' ? words.signIn.refused : null;
  }

  return (
    <>
      <header className="top">
        <h1>
          <img src={icon} alt="" width="28" height="28" /> {words.title}
        </h1>
        {known && signIn.kind === 'token' && (
          <Button look="quiet" onPress={signOut}>
            {words.signOut}
          </Button>
        )}
      </header>
      <main>
        {refused && <SignInForm trouble={trouble()} onToken={onToken} />}
        {(known || !refused) && <Workspace client={client} account={account} limits={limits} />}
      </main>
    </>
  );
}

function clientFor(signIn: () => SignIn): SluiceClient {
  const baseUrl = location.origin;
  if (signIn().kind === 'cookie') return createClient({ baseUrl, credentials: 'include' });
  return createClient({ baseUrl, getToken: () => tokenOf(signIn()) });
}

function tokenOf(signIn: SignIn): string {
  return signIn.kind === 'token' ? signIn.token : '';
}

function signOut(): void {
  forgetToken();
  location.reload();
}

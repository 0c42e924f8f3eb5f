import { type FormEvent, useId, useState } from 'react';
import { useLanguage } from '../language/language.ts';

export interface SignInFormProps {
  /** Said above the field; null where nothing went wrong. */
  readonly trouble: string | null;
  /** Settles when it is known whether the service takes it. */
  readonly onToken: (text: string) => Promise<void>;
}

export function SignInForm({ trouble, onToken }: SignInFormProps) {
  const { words } = useLanguage();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '') return;
    setBusy(true);
    void onToken(text).finally(() => setBusy(false));
  };
  return (
    <form className="panel sign-in" onSubmit={submit} aria-labelledby={id}>
      <h2 id={id}>{words.signIn.title}</h2>
      <p className="dim">{words.signIn.lead}</p>
      {trouble && (
        <p className="note bad" role="alert">
          {trouble}
        </p>
      )}
      <label className="field">
        <span>{words.signIn.label}</span>
        <input
          type="password"
          name="token"
          autoComplete="off"
          dir="ltr"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <button type="submit" className="button primary" disabled={busy}>
        {words.signIn.button}
      </button>
    </form>
  );
}

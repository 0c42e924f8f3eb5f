/** Encrypts short texts that are kept by somebody who need not read them. */
export interface TextCipher {
  /** @param context what the text belongs to, such as a session id: it opens under no other. */
  seal(text: string, context: string): string;
  /** The text, or why it cannot be had. What was never sealed comes back as it is. */
  open(sealed: string, context: string): OpenedText;
}

export type OpenedText =
  | { readonly kind: 'opened'; readonly text: string }
  /** It was changed, belongs to something else, or its key is not among ours. */
  | { readonly kind: 'unreadable'; readonly reason: 'unknown_key' | 'not_authentic'; readonly keyId: string };

import { createContext, useContext } from 'react';
import { arabic } from './arabic.ts';
import { english, type Words } from './english.ts';
import { createFormats, type Formats } from './formats.ts';

export interface Language {
  readonly code: string;
  readonly words: Words;
  readonly format: Formats;
}

const LANGUAGES: Readonly<Record<string, Words>> = { en: english, ar: arabic };

/** The language of `?lang=`, else the first of the browser's that is spoken here, else English. */
export function chooseLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lang');
  const wanted = [...(asked ? [asked] : []), ...navigator.languages];
  const code = wanted.map((tag) => tag.split('-')[0] ?? '').find((tag) => tag in LANGUAGES) ?? 'en';
  return { code, words: LANGUAGES[code] ?? english, format: createFormats(code) };
}

const LanguageContext = createContext<Language | null>(null);

export const LanguageProvider = LanguageContext.Provider;

export function useLanguage(): Language {
  const language = useContext(LanguageContext);
  if (language === null) throw new Error('there is no LanguageProvider around this component');
  return language;
}

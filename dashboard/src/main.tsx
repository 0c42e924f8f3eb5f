import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { chooseLanguage, LanguageProvider } from './language/language.ts';
import { createSignIn } from './sign-in/sign-in.ts';
import './styles/page.css';

const signIn = createSignIn();
const language = chooseLanguage();
document.documentElement.lang = language.code;
document.documentElement.dir = language.words.direction;
document.title = `${language.words.title} – Sluice`;

const place = document.getElementById('page');
if (place === null) throw new Error('the document has no #page');
createRoot(place).render(
  <LanguageProvider value={language}>
    <App signIn={signIn} />
  </LanguageProvider>,
);

import { renderToString } from "react-dom/server";
import { Page } from "./page.jsx";

// The page as it is before any script has run: what build.mjs puts into index.html.
export const render = () => renderToString(<Page />);

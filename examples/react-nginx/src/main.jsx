import { hydrateRoot } from "react-dom/client";
import { Page } from "./page.jsx";
import "./style.css";

hydrateRoot(document.getElementById("root"), <Page />);

// Makes the pages livelier. Everything here also works without it, by plain forms.

import "./page.js";
import "./uploads.js";
import "./office.js";
import "./search.js";
import "./document.js";
import "./settings.js";

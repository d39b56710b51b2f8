/** What the messages about a JSON body that is not valid begin with (contract §3.1). */
export const BODY_ERRORS = {
  parse: 'error parsing request, MAYBE invalid body format. ',
  validation: 'invalid request, validation error ',
};

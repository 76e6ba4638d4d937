/** Named in the place of a nodes file: this machine's engine alone, whichever file was used before. A file of that name is `./none`. */
export const NO_NODES_FILE = 'none';

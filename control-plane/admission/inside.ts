/** The place is the folder, or lies inside it. Both absolute and normal. */
export function isInside(place: string, folder: string): boolean {
  if (place === folder || folder === '/') return true;
  return place.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** One is, contains or is inside the other. */
export function touch(one: string, other: string): boolean {
  return isInside(one, other) || isInside(other, one);
}

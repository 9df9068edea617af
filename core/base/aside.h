// What is in the making stands aside: ".bitdial-making-XXXXXX" in the folder that it is meant for.
// It is locked (flock) while its maker lives; what a killed one left is not, and goes when the next
// thing is made in that folder by the same user. Where a file system has no locks, it stays.
#ifndef BD_BASE_ASIDE_H
#define BD_BASE_ASIDE_H

// Makes an empty file (mode 0600) or folder (0700) in `folder`, of which `length` bytes count: a
// path that ends in '/', or nothing for the working folder. Returns its descriptor, which holds the
// lock, and its name, which the caller frees; or -1 with errno.
int bd_aside_file(const char *folder, int length, char **name);
int bd_aside_folder(const char *folder, int length, char **name);

#endif

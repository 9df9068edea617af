// core/base: escaping, UTF-8, whole-or-nothing files, random numbers, the job pool.
#include "core/base/aside.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/pool.h"
#include "core/base/rng.h"
#include "core/base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/bitdial-base-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static void escapes(void **state) {
  (void)state;
  char out[64];
  assert_string_equal(bd_text_escape(out, sizeof out, "a\x1b[2Jb\n"), "a\\x1B[2Jb\\n");
  assert_string_equal(bd_text_escape(out, sizeof out, "größe \xff"), "größe \\xFF");
  assert_string_equal(bd_text_escape(out, sizeof out,
                                     "a\xe2\x80\xae"
                                     "b"),
                      "a\\u202Eb");
  assert_string_equal(bd_text_escape(out, 4, "aöö"), "aö");
  assert_string_equal(bd_text_escape(out, sizeof out, NULL), "");
}

static void utf8_round_trip(void **state) {
  (void)state;
  for (uint32_t code = 1; code <= 0x10FFFF; code++) {
    if (code >= 0xD800 && code < 0xE000) continue;
    char text[5];
    uint32_t back = 0;
    int length = bd_utf8_encode(code, text);
    assert_int_equal(bd_utf8_decode(text, (size_t)length, &back), length);
    assert_int_equal(back, code);
    if (length > 1) assert_int_equal(bd_utf8_decode(text, (size_t)length - 1, &back), 0);
  }
  uint32_t code;
  assert_int_equal(bd_utf8_decode("\xc0\x80", 2, &code), 0);
  assert_int_equal(bd_utf8_decode("\xed\xa0\x80", 3, &code), 0);
  assert_int_equal(bd_utf8_decode("\xf5\x80\x80\x80", 4, &code), 0);
}

static void numbers_for_people(void **state) {
  (void)state;
  char out[32];
  assert_string_equal(bd_text_count(out, sizeof out, 107930), "107,930");
  assert_string_equal(bd_text_count(out, sizeof out, -1234567), "-1,234,567");
  assert_string_equal(bd_text_count(out, sizeof out, 12), "12");
  assert_string_equal(bd_text_bytes(out, sizeof out, 431720), "421.6 KiB");
  assert_string_equal(bd_text_bytes(out, sizeof out, 1048575), "1.0 MiB");
  assert_string_equal(bd_text_bytes(out, sizeof out, 812), "812 B");
  assert_int_equal(bd_text_distance("conv1.weight", "conv2.weigt"), 2);
  assert_int_equal(bd_text_distance("", "abc"), 3);
}

static int entries(const char *path) {
  DIR *open = opendir(path);
  int count = 0;
  for (struct dirent *e; (e = readdir(open));)
    count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
  closedir(open);
  return count;
}

static void files_whole_or_not(void **state) {
  (void)state;
  bd_error err;
  char path[128], link[128], *text;
  size_t size;
  snprintf(path, sizeof path, "%s/a.txt", folder);
  snprintf(link, sizeof link, "%s/link", folder);
  assert_int_equal(bd_file_write(path, "old", 3, &err), BD_OK);
  assert_int_equal(symlink("a.txt", link), 0);
  assert_int_equal(bd_file_write(link, "new!", 4, &err), BD_OK);
  assert_int_equal(bd_file_read(path, 100, &text, &size, &err), BD_OK);
  assert_string_equal(text, "new!");
  free(text);
  struct stat info;
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  bd_writer *writer;
  assert_int_equal(bd_writer_open(path, &writer, &err), BD_OK);
  bd_writer_put(writer, "half", 4);
  bd_writer_abort(writer);
  assert_int_equal(bd_file_read(path, 100, &text, &size, &err), BD_OK);
  assert_string_equal(text, "new!");
  free(text);
  assert_int_equal(entries(folder), 2);
  assert_int_equal(bd_file_read(path, 3, &text, &size, &err), BD_INVALID);
}

// What a killed program leaves: something aside that nobody holds.
static void leave_aside(int (*make)(const char *, int, char **), const char *in) {
  pid_t child = fork();
  if (child == 0) {
    char *name, inside[160];
    int fd = make(in, (int)strlen(in), &name);
    snprintf(inside, sizeof inside, "%s/codes.mem", name ? name : "");
    close(open(inside, O_CREAT | O_WRONLY, 0600)); // where it is a folder
    _exit(fd < 0);
  }
  int code;
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);
}

static void what_a_killed_one_left_is_removed(void **state) {
  (void)state;
  bd_error err;
  bd_writer *writer;
  char in[80], path[128], other[128], own[128], note[160];
  snprintf(in, sizeof in, "%s/strays/", folder);
  snprintf(path, sizeof path, "%sa.txt", in);
  snprintf(other, sizeof other, "%s.bitdial-config", in); // names that a user may have given
  snprintf(own, sizeof own, "%s.bitdial-backup", in);
  snprintf(note, sizeof note, "%s/note", own);
  assert_int_equal(mkdir(in, 0700), 0);
  close(open(other, O_CREAT | O_WRONLY, 0600));
  assert_int_equal(mkdir(own, 0700), 0);
  close(open(note, O_CREAT | O_WRONLY, 0600));
  assert_int_equal(bd_writer_open(path, &writer, &err), BD_OK);
  leave_aside(bd_aside_file, in);
  leave_aside(bd_aside_folder, in);
  leave_aside(bd_aside_folder, in);
  assert_int_equal(entries(in), 4); // each takes away what stood there, but for who still writes
  assert_int_equal(bd_file_write(path, "one", 3, &err), BD_OK);
  assert_int_equal(entries(in), 4); // a.txt, the user's two, the writer's
  bd_writer_put(writer, "two", 3);
  assert_int_equal(bd_writer_commit(writer, &err), BD_OK);
  assert_int_equal(entries(in), 3);
  assert_int_equal(access(other, F_OK), 0);
  assert_int_equal(access(note, F_OK), 0);
}

static void file_errors_say_what(void **state) {
  (void)state;
  bd_error err;
  bd_bytes bytes;
  char path[128];
  assert_int_equal(bd_file_map(folder, &bytes, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "is a directory"));
  snprintf(path, sizeof path, "%s/none", folder);
  assert_int_equal(bd_file_map(path, &bytes, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "no such file"));
  assert_int_equal(bd_file_write(folder, "x", 1, &err), BD_FAILED);
  snprintf(path, sizeof path, "%s/none/file", folder);
  assert_int_equal(bd_file_write(path, "x", 1, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "folder does not exist"));
  assert_int_equal(bd_file_write("/dev/full", "x", 1, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "disk is full"));
  assert_int_equal(bd_file_map("/dev/zero", &bytes, &err), BD_INVALID);
}

static void json_errors_say_where(void **state) {
  (void)state;
  bd_error err;
  char path[128];
  cJSON *json;
  snprintf(path, sizeof path, "%s/bad.json", folder);
  assert_int_equal(bd_file_write(path, "{\n \"a\": 1,\n oops\n}", 18, &err), BD_OK);
  assert_int_equal(bd_json_read(path, &json, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "line 3"));
  cJSON *object = cJSON_CreateObject();
  bd_json_number(object, "inf", INFINITY);
  bd_json_number(object, "x", 0.1);
  snprintf(path, sizeof path, "%s/good.json", folder);
  assert_int_equal(bd_json_write(path, object, &err), BD_OK);
  cJSON_Delete(object);
  assert_int_equal(bd_json_read(path, &json, &err), BD_OK);
  assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "inf")));
  assert_true(cJSON_GetObjectItem(json, "x")->valuedouble == 0.1);
  cJSON_Delete(json);
}

static void json_is_valid_and_tame(void **state) {
  (void)state;
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "bad\xff",
                          "\x80"
                          "a\xc3");
  cJSON_AddStringToObject(object, "good", "größe\x1b\x7f\xc2\x9b[2J\xe2\x80\xae");
  char *text = bd_json_text(object, false);
  assert_string_equal(text, "{\"bad\\\\xFF\":\"\\\\x80a\\\\xC3\","
                            "\"good\":\"größe\\u001b\\u007F\\u009B[2J\\u202E\"}");
  cJSON *again = cJSON_Parse(text);
  assert_string_equal(bd_json_string(again, "good", ""), bd_json_string(object, "good", "?"));
  assert_string_equal(bd_json_string(again, "bad\\xFF", ""), "\\x80a\\xC3");
  cJSON_free(text);
  cJSON_Delete(again);
  cJSON_Delete(object);
}

static void hashes(void **state) {
  (void)state;
  char hex[65];
  bd_sha256("abc", 3, hex); // FIPS 180-4's own example
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void random_numbers(void **state) {
  (void)state;
  bd_rng a = bd_rng_seed(1, 0), b = bd_rng_seed(1, 0), c = bd_rng_seed(1, 1);
  double sum = 0, square = 0;
  int same = 0, n = 100000;
  for (int i = 0; i < n; i++) {
    uint64_t x = bd_rng_next(&a);
    assert_true(x == bd_rng_next(&b));
    same += x == bd_rng_next(&c);
    double z = bd_rng_normal(&a);
    bd_rng_normal(&b);
    sum += z;
    square += z * z;
  }
  assert_int_equal(same, 0);
  assert_true(fabs(sum / n) < 0.02);
  assert_true(fabs(square / n - 1) < 0.02);
}

static atomic_int ran, dropped, order[64], next_order;

static void count_run(void *arg, const bd_cancel *cancel) {
  (void)cancel;
  order[atomic_fetch_add(&next_order, 1) % 64] = (int)(intptr_t)arg;
  atomic_fetch_add(&ran, 1);
}

static void count_drop(void *arg) {
  (void)arg;
  atomic_fetch_add(&dropped, 1);
}

static void until_cancelled(void *arg, const bd_cancel *cancel) {
  atomic_store((atomic_bool *)arg, true);
  while (!bd_cancelled(cancel))
    usleep(100);
  atomic_fetch_add(&ran, 1);
}

static void pool_orders_and_cancels(void **state) {
  (void)state;
  bd_error err;
  bd_pool *pool;
  atomic_bool started = false;
  ran = dropped = next_order = 0;
  assert_int_equal(bd_pool_new(1, &pool, &err), BD_OK);
  bd_ticket blocker = bd_pool_submit(pool, (bd_task){until_cancelled, count_drop, &started, 0});
  while (!atomic_load(&started))
    usleep(100);
  for (intptr_t i = 0; i < 10; i++)
    bd_pool_submit(pool, (bd_task){count_run, count_drop, (void *)i, i % 2 ? 5 : 1});
  bd_ticket never = bd_pool_submit(pool, (bd_task){count_run, count_drop, (void *)99, 9});
  assert_int_equal(bd_pool_pending(pool), 12);
  bd_pool_cancel(pool, never);
  bd_pool_cancel(pool, blocker);
  bd_pool_wait(pool);
  assert_int_equal(ran, 11);
  assert_int_equal(dropped, 1);
  static const int expected[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
  for (int i = 0; i < 10; i++)
    assert_int_equal(order[i], expected[i]);
  bd_pool_free(pool);
}

static void pool_closes_with_work_left(void **state) {
  (void)state;
  bd_error err;
  bd_pool *pool;
  ran = dropped = 0;
  atomic_bool started = false;
  assert_int_equal(bd_pool_new(2, &pool, &err), BD_OK);
  for (int i = 0; i < 100; i++)
    bd_pool_submit(pool, (bd_task){until_cancelled, count_drop, &started, 0});
  bd_pool_free(pool);
  assert_int_equal(ran + dropped, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(escapes),
      cmocka_unit_test(utf8_round_trip),
      cmocka_unit_test(numbers_for_people),
      cmocka_unit_test(files_whole_or_not),
      cmocka_unit_test(what_a_killed_one_left_is_removed),
      cmocka_unit_test(file_errors_say_what),
      cmocka_unit_test(json_errors_say_where),
      cmocka_unit_test(json_is_valid_and_tame),
      cmocka_unit_test(hashes),
      cmocka_unit_test(random_numbers),
      cmocka_unit_test(pool_orders_and_cancels),
      cmocka_unit_test(pool_closes_with_work_left),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

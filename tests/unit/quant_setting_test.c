// The setting's table: text in and out, steps, refusals.
#include "tests/unit/naive_quant.h"

static void defaults(void **state) {
  (void)state;
  bd_setting setting = bd_setting_default();
  const char *expected[] = {"8", "0", "two-stage", "pso", "tensor", "signed", "code", "free", "1"};
  for (int field = 0; field < BD_FIELD_COUNT; field++) {
    char text[64];
    assert_string_equal(bd_setting_get(&setting, field, text, sizeof text), expected[field]);
    assert_int_equal(bd_field_find(bd_setting_field(field)->name), field);
  }
  assert_null(bd_setting_field(BD_FIELD_COUNT));
  assert_null(bd_setting_field(-1));
  assert_int_equal(bd_field_find("colour"), -1);
}

// What get writes, set reads back.
static void round_trip(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(3, 0);
  for (int i = 0; i < 2000; i++) {
    bd_setting setting = bd_setting_default(), back = bd_setting_default();
    setting.bits = i % 9 ? i % 9 : BD_BITS_FLOAT;
    setting.prune = i % 3 ? bd_rng_unit(&rng) : (double)(i % 101) / 100;
    setting.seed = bd_rng_next(&rng) >> 11;
    for (int field = BD_FIELD_METHOD; field <= BD_FIELD_SCALE; field++)
      bd_setting_step(&setting, field, (int)(bd_rng_next(&rng) % 5));
    for (int field = 0; field < BD_FIELD_COUNT; field++) {
      char text[64];
      bd_setting_get(&setting, field, text, sizeof text);
      assert_int_equal(bd_setting_set(&back, field, text, NULL), BD_OK);
    }
    assert_true(bd_setting_equal(&setting, &back));
  }
}

static void reads(void **state) {
  (void)state;
  bd_setting setting = naive_setting("bits=float,prune=12.5%,seed=9007199254740991");
  assert_int_equal(setting.bits, BD_BITS_FLOAT);
  assert_true(setting.prune == 0.125);
  assert_true(setting.seed == 9007199254740991u);
  setting = naive_setting("prune=1e-3,bits=1,zero=mask,grid=affine,method=linear,init=optimal");
  assert_true(setting.prune == 1e-3 && setting.bits == 1 && setting.zero == BD_MASK);
  assert_true(setting.grid == BD_AFFINE && setting.method == BD_LINEAR);
  assert_true(setting.init == BD_OPTIMAL);
}

static void reads_granularity(void **state) {
  (void)state;
  bd_setting setting = naive_setting("granularity=group:7");
  char text[64];
  assert_int_equal(setting.granularity, BD_GROUP);
  assert_int_equal(setting.group, 7);
  assert_string_equal(bd_setting_get(&setting, BD_FIELD_GRANULARITY, text, sizeof text), "group:7");
  bd_setting other = naive_setting("granularity=group:8");
  assert_false(bd_setting_equal(&setting, &other));
  const char *around[] = {"tensor", "channel", "group:32", "tensor"};
  for (int i = 0; i < 4; i++) {
    assert_true(bd_setting_step(&setting, BD_FIELD_GRANULARITY, 1));
    bd_setting_get(&setting, BD_FIELD_GRANULARITY, text, sizeof text);
    assert_string_equal(text, around[i]);
    assert_int_equal(setting.group, setting.granularity == BD_GROUP ? 32 : 0);
  }
}

static void refuses(void **state) {
  (void)state;
  const char *bad[] = {"bits=99",
                       "bits=0",
                       "bits=-1",
                       "bits=3.5",
                       "bits=",
                       "bits=9",
                       "bits=+3",
                       "bits= 3",
                       "prune=nan",
                       "prune=inf",
                       "prune=-0.1",
                       "prune=1.0001",
                       "prune=101%",
                       "prune=",
                       "prune=0x1p-1",
                       "prune=%",
                       "prune=0.5%%",
                       "method=magic",
                       "method=",
                       "colour=red",
                       "bits",
                       "=3",
                       "",
                       "bits=3,",
                       "granularity=group",
                       "granularity=group:",
                       "granularity=group:0",
                       "granularity=group:-1",
                       "granularity=group:N",
                       "granularity=group:2147483649",
                       "granularity=channel:3",
                       "seed=-1",
                       "seed=1e3",
                       "seed=9007199254740992",
                       "seed=99999999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    bd_setting setting = naive_setting("bits=5"), before = setting;
    bd_error err = {""};
    assert_int_equal(bd_setting_parse(&setting, bad[i], &err), BD_INVALID);
    assert_true(bd_setting_equal(&setting, &before));
    assert_true(strlen(err.text) > 10 && !strchr(err.text, '\n'));
  }
  bd_setting setting = bd_setting_default();
  bd_error err = {""};
  assert_int_equal(bd_setting_parse(&setting, "bits=3,prune=2", &err), BD_INVALID);
  assert_int_equal(setting.bits, 8); // all or none
  assert_non_null(strstr(err.text, "prune"));
}

// A power-of-two step and kmeans do not go together, by whatever way one gets there.
static void pow2_needs_a_grid(void **state) {
  (void)state;
  bd_setting setting = naive_setting("method=kmeans");
  assert_int_equal(bd_setting_set(&setting, BD_FIELD_SCALE, "pow2", NULL), BD_INVALID);
  assert_false(bd_setting_step(&setting, BD_FIELD_SCALE, 1));
  assert_int_equal(bd_setting_parse(&setting, "scale=pow2,method=linear", NULL), BD_OK);
  assert_int_equal(bd_setting_set(&setting, BD_FIELD_METHOD, "kmeans", NULL), BD_INVALID);
  for (int i = 0; i < 12; i++) {
    assert_true(bd_setting_step(&setting, BD_FIELD_METHOD, i < 6 ? 1 : -1));
    assert_int_not_equal(setting.method, BD_KMEANS);
  }
}

static void steps(void **state) {
  (void)state;
  bd_setting setting = bd_setting_default();
  assert_true(bd_setting_step(&setting, BD_FIELD_BITS, 1));
  assert_int_equal(setting.bits, BD_BITS_FLOAT);
  assert_false(bd_setting_step(&setting, BD_FIELD_BITS, 3));
  assert_true(bd_setting_step(&setting, BD_FIELD_BITS, -2));
  assert_int_equal(setting.bits, 7);
  assert_true(bd_setting_step(&setting, BD_FIELD_BITS, -100));
  assert_int_equal(setting.bits, 1);
  for (int i = 1; i <= 100; i++) {
    assert_true(bd_setting_step(&setting, BD_FIELD_PRUNE, 1));
    assert_true(setting.prune == i / 100.0);
  }
  assert_false(bd_setting_step(&setting, BD_FIELD_PRUNE, 1));
  assert_true(bd_setting_step(&setting, BD_FIELD_ZERO, -1));
  assert_int_equal(setting.zero, BD_MASK);
  assert_true(bd_setting_step(&setting, BD_FIELD_ZERO, 1));
  assert_int_equal(setting.zero, BD_CODE);
  assert_false(bd_setting_step(&setting, BD_FIELD_SEED, 0));
  assert_true(bd_setting_step(&setting, BD_FIELD_SEED, -5));
  assert_true(setting.seed == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults),          cmocka_unit_test(round_trip), cmocka_unit_test(reads),
      cmocka_unit_test(reads_granularity), cmocka_unit_test(refuses),    cmocka_unit_test(steps),
      cmocka_unit_test(pow2_needs_a_grid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

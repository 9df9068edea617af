# bitdial: `make` builds build/bitdial, `make run` opens the sample, `make test` runs the tests.
# What is missing on the machine is installed with apt-get first (`make DEPS=no` never does that).

BUILD ?= build
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
DEPS ?= yes
SANITIZE ?=

# package : why it is needed
BUILD_PACKAGES := gcc:compiles g++:compiles-the-ONNX-checker libncurses-dev:the-screen libonnx-dev:ONNX-schema-and-checker \
  libprotobuf-dev:libonnx-needs-it libprotobuf-c-dev:reads-ONNX protobuf-c-compiler:reads-ONNX \
  libcjson-dev:JSON libssl-dev:SHA-256 libdnnl-dev:runs-networks libzip-dev:archives-of-arrays \
  libstb-dev:reads-pictures liblapacke-dev:Cholesky-factors-for-repair libopenblas-serial-dev:the-same-ten-times-faster \
  zlib1g-dev:measures-compressed-exports
TEST_PACKAGES := libcmocka-dev:unit-tests python3-minimal:test-scripts python3-numpy:reads-arrays \
  python3-onnx:second-reader-of-models python3-sklearn:second-K-means python3-pyte:reads-a-terminal-screen \
  libonnx-testdata:operator-tests parallel:runs-shards-of-a-sweep \
  locales:a-comma-as-decimal-point python3-html5lib:strict-reader-of-pages \
  iverilog:reads-exports-for-hardware python3-yaml:reads-exports-for-Core-ML \
  qemu-user:runs-on-other-processors
PICTURE_PACKAGES := python3-pil:draws-pictures fonts-dejavu-core:their-font python3-pyte:reads-a-terminal-screen
FUZZ_PACKAGES := clang:brings-libFuzzer libclang-rt-dev:its-libraries
VALGRIND_PACKAGES := valgrind:watches-memory libc6-dbg:it-needs-its-names
FORMAT_PACKAGES := clang-format:formats-the-source

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
CPPFLAGS += -I. -I$(BUILD)/gen -D_GNU_SOURCE
CFLAGS ?= -O3 -g
ALL_CFLAGS := -std=c11 $(CFLAGS) -pthread -fno-math-errno -fvisibility=hidden $(SANITIZE)
LIBS := -lonnx -lonnx_proto -lprotobuf -lstdc++ -lprotobuf-c -lcjson -lcrypto -lzip -lz -l:libstb.a -ldl -lm
SCREEN_LIBS := -lncursesw -ltinfo

CORE_C := $(wildcard core/*/*.c)
CORE_CC := $(wildcard core/*/*.cc)
VIEW_C := $(wildcard viewers/*.c)
TUI_C := $(filter-out tui/main.c,$(wildcard tui/*.c tui/commands/*.c))
UNIT_C := $(wildcard tests/unit/*_test.c)
FUZZ_C := $(wildcard tests/fuzz/*_fuzz.c)
BENCH_C := $(wildcard tests/bench/*_bench.c)
THEMES := $(wildcard themes/*.json)
GEN := $(BUILD)/gen

CORE_OBJ := $(CORE_C:%.c=$(BUILD)/%.o) $(CORE_CC:%.cc=$(BUILD)/%.o) $(GEN)/onnx/onnx.pb-c.o
UI_OBJ := $(VIEW_C:%.c=$(BUILD)/%.o) $(TUI_C:%.c=$(BUILD)/%.o) $(GEN)/themes.o
LIB := $(BUILD)/libbitdial.a
UNIT_BIN := $(UNIT_C:%.c=$(BUILD)/%)
BENCH_BIN := $(BENCH_C:%.c=$(BUILD)/%)
MUTATE_BIN := $(FUZZ_C:%_fuzz.c=$(BUILD)/%_mutate)
FUZZ_BIN := $(FUZZ_C:%.c=$(BUILD)/%)

# `make V=1` shows the commands whole.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')

# Objects on the way to a program stay, and the tests have the last word.
.SECONDARY:
.PHONY: all run install test bench format sanitize sanitized valgrind tsan tsan-run fuzz fuzz-run thorough pictures goldens clean deps test-deps unit
all: $(BUILD)/bitdial

# --- packages -----------------------------------------------------------------------------------
# $(call install,packages): names what is missing and why, then installs it.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
define install
@missing=; for p in $(1); do n=$${p%%:*}; \
  dpkg-query -W -f='$${Status}' $$n 2>/dev/null | grep -q 'ok installed' || { missing="$$missing $$n"; \
  echo "missing: $$n ($$(echo $${p#*:} | tr - ' '))"; }; done; \
if [ -n "$$missing" ]; then \
  if [ "$(DEPS)" != yes ]; then echo "install them first: apt-get install$$missing" >&2; exit 1; fi; \
  echo "installing with apt-get:$$missing"; \
  $(SUDO) apt-get update -q >/dev/null && \
  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $$missing >/dev/null; fi
endef
$(BUILD)/.deps: Makefile
	$(call install,$(BUILD_PACKAGES))
	@mkdir -p $(BUILD) && touch $@
$(BUILD)/.test-deps: $(BUILD)/.deps
	$(call install,$(TEST_PACKAGES))
	@touch $@
deps: $(BUILD)/.deps
test-deps: $(BUILD)/.test-deps

# --- generated ----------------------------------------------------------------------------------
# The ONNX schema is libonnx-dev's own; protobuf-c makes plain C structs of it.
$(GEN)/onnx/onnx.pb-c.h: $(BUILD)/.deps
	@mkdir -p $(GEN)
	$(call say,GEN  $@)
	$(Q)protoc-c --proto_path=/usr/include --c_out=$(GEN) onnx/onnx.proto
$(GEN)/onnx/onnx.pb-c.c: $(GEN)/onnx/onnx.pb-c.h
$(GEN)/onnx/onnx.pb-c.o: $(GEN)/onnx/onnx.pb-c.c
	$(call say,CC   $<)
	$(Q)$(CC) -std=c11 $(CFLAGS) $(SANITIZE) -I$(GEN) -c $< -o $@
# Themes go into the program, so that it is one file.
$(GEN)/themes.c: $(THEMES) Makefile
	@mkdir -p $(GEN)
	@{ echo '#include "tui/theme_data.h"'; echo 'const bd_theme_file bd_theme_files[] = {'; \
	for t in $(THEMES); do printf '{"%s",\n' "$$(basename $$t .json)"; \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$t; echo '},'; done; echo '{0, 0}};'; } > $@
$(GEN)/themes.o: $(GEN)/themes.c
	$(call say,CC   $<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@

# --- the program --------------------------------------------------------------------------------
$(BUILD)/%.o: %.c $(GEN)/onnx/onnx.pb-c.h
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(Q)$(CC) $(CPPFLAGS) $(WARN) $(ALL_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/%.o: %.cc $(BUILD)/.deps
	@mkdir -p $(@D)
	$(call say,CXX  $<)
	$(Q)$(CXX) $(CPPFLAGS) -DONNX_ML=1 -DONNX_NAMESPACE=onnx -std=c++17 -Wall -Wextra -Werror $(CFLAGS) $(SANITIZE) -MMD -MP -c $< -o $@
$(LIB): $(CORE_OBJ)
	@rm -f $@
	$(call say,AR   $@)
	$(Q)$(AR) rcs $@ $^
$(BUILD)/bitdial: $(BUILD)/tui/main.o $(UI_OBJ) $(LIB)
	$(call say,LINK $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(SCREEN_LIBS) $(LIBS) -o $@

run: all
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BUILD)/bitdial; else exec $(BUILD)/bitdial report samples/fashion.onnx; fi

install: all
	install -D $(BUILD)/bitdial $(DESTDIR)$(PREFIX)/bin/bitdial
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bitdial/samples samples/fashion*

# --- tests --------------------------------------------------------------------------------------
$(BUILD)/tests/unit/%: tests/unit/%.c $(UI_OBJ) $(LIB) $(BUILD)/.test-deps
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(CPPFLAGS) $(WARN) $(ALL_CFLAGS) -MMD -MP -MF $@.d $< $(UI_OBJ) $(LIB) $(LDFLAGS) -lcmocka $(SCREEN_LIBS) $(LIBS) -o $@
$(BUILD)/tests/fuzz/%_mutate: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/mutate.o $(BUILD)/tests/fuzz/target.o $(UI_OBJ) $(LIB)
	$(call say,LINK $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(SCREEN_LIBS) $(LIBS) -o $@
unit: $(UNIT_BIN) $(MUTATE_BIN)
# SANITIZED=yes: under ASan and UBSan too, with one closing line for both.
SANITIZED ?=
test: $(BUILD)/.test-deps all unit $(if $(SANITIZED),sanitized)
	@BUILD='$(BUILD)$(if $(SANITIZED), $(BUILD)/sanitize)' /usr/bin/python3 tests/run.py
sanitize: sanitized
	@BUILD=$(BUILD)/sanitize /usr/bin/python3 tests/run.py
sanitized: $(BUILD)/.test-deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitize CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' SANITIZED= $(BUILD)/sanitize/.test-deps all unit
# What takes minutes: 500 random graphs against ONNX Runtime, 5,000 damaged ones under sanitizers.
thorough: $(BUILD)/.test-deps all sanitized
	@BUILD=$(BUILD) BITDIAL_GRAPHS=500 /usr/bin/python3 tests/conformance/engine_random_test.py
	@BITDIAL_MUTATIONS=5000 $(BUILD)/sanitize/tests/unit/engine_mutation_test
# Those that run networks are left out: oneDNN writes machine code that valgrind cannot follow.
valgrind: $(UNIT_BIN)
	$(call install,$(VALGRIND_PACKAGES))
	@BUILD=$(BUILD) tests/valgrind.sh
# Threads: the unit tests of the session, then an explorer driven at random for SECONDS (SEED= repeats one).
TSAN_UNITS := base session live
tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  SANITIZE='-fsanitize=thread' SECONDS=$(SECONDS) tsan-run
tsan-run: all $(TSAN_UNITS:%=$(BUILD)/tests/unit/%_test)
	@for name in $(TSAN_UNITS); do $(BUILD)/tests/unit/$${name}_test || exit 1; done
	@BUILD=$(BUILD) SECONDS=$(SECONDS) /usr/bin/python3 tests/screens/rush.py
# libFuzzer on every target for SECONDS each; what it learns stays in BUILD/fuzz/corpus.
SECONDS ?= 60
fuzz:
	$(call install,$(FUZZ_PACKAGES))
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang CXX=clang++ CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' SECONDS=$(SECONDS) fuzz-run
fuzz-run: $(FUZZ_BIN)
	@BUILD=$(BUILD) tests/fuzz/run.sh $(SECONDS)
$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/target.o $(UI_OBJ) $(LIB)
	$(call say,LINK $@)
	$(Q)$(CXX) $(CFLAGS) -pthread -fsanitize=fuzzer,address,undefined $^ $(SCREEN_LIBS) $(LIBS) -o $@
$(BUILD)/tests/bench/%: tests/bench/%.c $(UI_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(CPPFLAGS) $(WARN) $(ALL_CFLAGS) -MMD -MP -MF $@.d $< $(UI_OBJ) $(LIB) $(LDFLAGS) $(SCREEN_LIBS) $(LIBS) -o $@
bench: $(BUILD)/.test-deps all $(BENCH_BIN)
	@BUILD=$(BUILD) /usr/bin/python3 tests/bench/run.py

# --- care ---------------------------------------------------------------------------------------
format:
	$(call install,$(FORMAT_PACKAGES))
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cc')
pictures: all
	$(call install,$(PICTURE_PACKAGES))
	BUILD=$(BUILD) /usr/bin/python3 tests/screens/pictures.py
goldens: all
	BUILD=$(BUILD) /usr/bin/python3 tests/screens/goldens.py --write
clean:
	rm -rf $(BUILD)

-include $(FUZZ_C:%.c=$(BUILD)/%.d) $(BUILD)/tests/fuzz/mutate.d $(BUILD)/tests/fuzz/target.d
-include $(CORE_OBJ:.o=.d) $(UI_OBJ:.o=.d) $(BUILD)/tui/main.d $(UNIT_BIN:=.d) $(BENCH_BIN:=.d)

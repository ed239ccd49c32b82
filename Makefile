# dbhound: the only build file. `make help` lists the targets.
#
# Objects live in build/VARIANT, so release, sanitizer, coverage and fuzz builds never mix. The program is linked to
# build/dbhound. Your CFLAGS and LDFLAGS are added, never replaced.
CC       ?= cc
VARIANT  ?= release
SANITIZE ?=
WERROR   ?= 1
PREFIX   ?= /usr/local
OUT      := build/$(VARIANT)$(if $(SANITIZE),-$(SANITIZE))

BUILD_PACKAGES := gcc make pkg-config libc6-dev libpcap-dev libsqlite3-dev zlib1g-dev libzstd-dev libsnappy-dev liblz4-dev \
                  libjansson-dev libssl-dev libpcre2-dev libcap-ng-dev libseccomp-dev libmaxminddb-dev libndpi-dev
TEST_PACKAGES  := libcmocka-dev sqlite3 tshark tcpdump tcpreplay iproute2 ethtool python3 zstd binutils
FUZZ_PACKAGES  := clang llvm libclang-rt-14-dev
LIBRARIES      := libpcap sqlite3 zlib libzstd snappy liblz4 jansson libcrypto libpcre2-8 libcap-ng libseccomp libmaxminddb libndpi

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
        -Wcast-qual -Wundef -Wformat=2 $(if $(WERROR),-Werror)
# The program is linked as one unit where the compiler can (a tenth faster); fat objects, so that tests link the quick way.
FAT      := -flto=auto -ffat-lto-objects
LTO      := $(if $(filter release,$(VARIANT)),$(if $(SANITIZE),,$(shell $(CC) -Werror $(FAT) -x c -S -o /dev/null /dev/null 2>/dev/null && echo $(FAT))))
FLAGS_release  := -O3 -g -fno-plt -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
FLAGS_debug    := -O0 -g3 -fPIE -DDBHOUND_CHECKS
FLAGS_coverage := -O0 -g --coverage
LDFLAGS_release  := -pie -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_debug    := -pie
LDFLAGS_coverage := --coverage
SAN_address := address,undefined
SAN_thread  := thread
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(or $(SAN_$(SANITIZE)),$(error SANITIZE is address or thread)) \
            -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE -DDBHOUND_CHECKS)

PROJECT_CFLAGS  := -std=c11 -D_GNU_SOURCE -Iinclude -Isrc $(WARN) $(FLAGS_$(VARIANT)) $(LTO) $(SANFLAGS) -pthread
PROJECT_LDFLAGS := $(LDFLAGS_$(VARIANT)) $(SANFLAGS) -pthread
PROJECT_LDLIBS   = $(shell pkg-config --libs $(LIBRARIES))

SRC  := $(sort $(wildcard src/*/*.c))
OBJ  := $(SRC:%.c=$(OUT)/%.o)
CORE := $(filter-out $(OUT)/src/app/main.o,$(OBJ))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_CC  := clang -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_OBJ := $(patsubst src/%.c,build/fuzz/objects/src/%.o,$(filter-out src/app/%,$(SRC)))
UNIT := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))

all: build/dbhound  ## build the program (the default)

build/dbhound: $(OUT)/dbhound
	@ln -f $< $@ 2>/dev/null || cp -f $< $@
$(OUT)/dbhound: $(OBJ)
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PROJECT_LDLIBS)
$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(TEST_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/tests/%.o: TEST_FLAGS := $(if $(LTO),-O1 -fno-lto)
$(OUT)/core.a: $(CORE)
	@rm -f $@
	$(AR) rcs $@ $^
$(OUT)/tests/%: $(OUT)/tests/unit/%.o $(OUT)/core.a
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(if $(LTO),-fno-lto) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(PROJECT_LDLIBS)

$(OUT)/oracle/streams: $(OUT)/tests/oracle/streams.o $(OUT)/core.a
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(if $(LTO),-fno-lto) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PROJECT_LDLIBS)
$(OUT)/properties: $(OUT)/tests/properties/properties.o $(OUT)/core.a
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(if $(LTO),-fno-lto) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PROJECT_LDLIBS)

# Rewritten only when the command line changes, so that new flags rebuild everything.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || \
	 printf '%s\n' '$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS)' > $@

$(OUT)/seeds/%: $(OUT)/tests/fuzz/%.o $(OUT)/tests/fuzz/seed_runner.o $(OUT)/core.a
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(if $(LTO),-fno-lto) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PROJECT_LDLIBS)
build/fuzz/%: build/fuzz/objects/tests/fuzz/%.o $(FUZZ_OBJ)
	$(FUZZ_CC) -fsanitize=fuzzer -o $@ $^ $(PROJECT_LDLIBS)
build/fuzz/objects/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -std=c11 -D_GNU_SOURCE -Iinclude -Isrc -MMD -MP -c -o $@ $<

deps:  ## install the Debian packages that building needs
	@tools/deps $(BUILD_PACKAGES)
deps-test:
	@tools/deps $(BUILD_PACKAGES) $(TEST_PACKAGES)
deps-fuzz:
	@tools/deps $(BUILD_PACKAGES) $(FUZZ_PACKAGES)

# The program and the tests are built by a second make, because the first was read before the packages were there.
demo: deps  ## replay a shipped attack and look at the alert and its sample
	@$(MAKE) --no-print-directory all
	@tools/demo
check: deps-test  ## every test
	@$(MAKE) --no-print-directory check-built
check-built: all $(OUT)/properties $(OUT)/oracle/streams $(UNIT:%=$(OUT)/tests/%) $(FUZZ:%=$(OUT)/seeds/%)
	@OUT=$(OUT) tests/run
check-unit: $(UNIT:%=$(OUT)/tests/%)  ## the unit tests alone
	@for t in $^; do $$t || exit 1; done
check-layers:  ## an include may only point left
	@tools/check-layers
oracle: all  ## the streams against a real Linux TCP stack (root): SEED, COUNT
	@$(MAKE) --no-print-directory $(OUT)/oracle/streams
	@STREAMS=$$PWD/$(OUT)/oracle/streams tests/oracle/oracle --seed $(or $(SEED),1) --count $(or $(COUNT),10000) --keep build/oracle
check-sanitize: deps-test  ## the tests again under ASan and UBSan
	@$(MAKE) --no-print-directory check-built SANITIZE=address
golden: all  ## rewrite the expectations beside the captures; review the diff
	@tests/golden --update
rules: all  ## print rules/anomalies.rules from the catalogue
	@build/dbhound rules print > rules/anomalies.rules.new && mv rules/anomalies.rules.new rules/anomalies.rules
stress: deps-test  ## floods in full size: a million connections; properties longer and elsewhere each day
	@$(MAKE) --no-print-directory all $(OUT)/properties
	@FLOOD=$(or $(FLOOD),1000000) tests/cli/floods
	@DBHOUND=$(OUT)/dbhound PROPERTY_ROUNDS=$(or $(PROPERTY_ROUNDS),60) PROPERTY_SEED=$(or $(PROPERTY_SEED),$(shell date +%j)) tests/cli/properties
check-threads: deps-test  ## the workers under ThreadSanitizer, on files and live (root)
	@$(MAKE) --no-print-directory SANITIZE=thread build/release-thread/dbhound
	@DBHOUND=$$PWD/build/release-thread/dbhound WORKER_COUNTS="0 2 4" TSAN_OPTIONS="halt_on_error=1 exitcode=66" tests/cli/workers | tee build/check-threads.log
	@DBHOUND=$$PWD/build/release-thread/dbhound TSAN_OPTIONS="halt_on_error=1 exitcode=66" tests/cli/watch | tee -a build/check-threads.log
	@! grep -q "^not ok" build/check-threads.log
fuzz: deps-fuzz  ## run every fuzzer for FUZZ_SECONDS (default 60) each
	@$(MAKE) --no-print-directory fuzz-built
fuzz-built: $(FUZZ:%=build/fuzz/%)
	@tests/fuzz/run $(or $(FUZZ_SECONDS),60) $(FUZZ)
bench: deps-test  ## time against tcpdump: CAPTURES="a.pcap b.pcap" FLAGS="--instructions --tshark"
	@$(MAKE) --no-print-directory all
	@tools/bench $(FLAGS) $(CAPTURES)
coverage: deps-test  ## the tests with gcov counters; the sum per file
	@$(MAKE) --no-print-directory check-built VARIANT=coverage
	@tools/coverage build/coverage
install: all  ## install to DESTDIR and PREFIX
	install -D -m 755 build/dbhound $(DESTDIR)$(PREFIX)/bin/dbhound
	install -d $(DESTDIR)$(PREFIX)/share/dbhound/rules
	install -m 644 $(wildcard rules/*.rules) rules/README.md $(DESTDIR)$(PREFIX)/share/dbhound/rules
format:  ## clang-format all sources in place
	clang-format -i $(SRC) $(wildcard src/*/*.h include/*/*.h tests/*/*.[ch])

clean:  ## remove build/
	$(RM) -r build
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1 - \2/p' Makefile
FORCE:
.PHONY: all oracle deps deps-test deps-fuzz demo check check-built check-unit check-layers check-sanitize check-threads stress golden rules fuzz fuzz-built \
        bench coverage install format clean help FORCE
.SECONDARY:
-include $(OBJ:.o=.d) $(OUT)/tests/properties/properties.d $(OUT)/tests/oracle/streams.d $(OUT)/tests/fuzz/seed_runner.d $(FUZZ_OBJ:.o=.d) $(UNIT:%=$(OUT)/tests/unit/%.d) $(FUZZ:%=$(OUT)/tests/fuzz/%.d)

# dfgen.mk: images as targets of a build by GNU make 4.2 or newer.
#
#   include PREFIX/share/dfgen/dfgen.mk
#   $(call dfgen-image,NAME,OPTIONS [CONTEXT])
#
# Makes the target NAME, and NAME-STAGE, NAME-docker/STAGE and so on for each stage. The rules are in NAME.mk, which dfgen writes beside the
# Makefile, and again when the Dockerfile, the context's folders or these words change. OPTIONS are those of dfgen; a comma in them is
# $(comma). Files that the Makefile makes and the image takes are made first, and a change runs only what uses them.

DFGEN ?= dfgen
comma := ,

# Not empty when the two texts differ.
dfgen-differ = $(subst x$(1)x,,x$(2)x)$(subst x$(2)x,,x$(1)x)

dfgen-write = $(shell $(DFGEN) -G make --prefix=$(1)- --build-file=$(1).mk $(2) >&2)$(if $(filter-out 0,$(.SHELLSTATUS)),$(error dfgen $(2): failed),$(file >$(1).mk.options,$(2)))

dfgen-options = $(if $(and $(wildcard $(1).mk),$(wildcard $(1).mk.options)),$(file <$(1).mk.options),none)

define dfgen-rules
.PHONY: $(1)
$(1): $(1)-dfgen-default
include $(1).mk
endef

dfgen-image = $(if $(call dfgen-differ,$(call dfgen-options,$(1)),$(2)),$(call dfgen-write,$(1),$(2)))$(eval $(call dfgen-rules,$(1)))

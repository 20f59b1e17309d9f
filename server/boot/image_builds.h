// SPDX-License-Identifier: GPL-3.0-or-later
// The builds of each image and site archive in the provisioner's folder (docs/architecture.md "Image"):
//
//   NAME -> .NAME/BUILD      what is served to boots that begin now
//   .NAME/BUILD/             one build, whole and never changed: manifest, signature, the public key that
//                            verified it, files by their digests, vmlinuz and initrd.img as links to them
//   .NAME/.anything          private: being copied or being removed
//
// The folder may belong to the provisioner's own user, whom root does not trust: nothing in it is followed
// through a symbolic link, and what is made in it is given to its owner.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace berth::server {

class Store;

struct AddImageOrder {
    std::string source;        ///< A folder as `build-image.sh` leaves it: out/image or out/site.
    std::string name;          ///< Empty: "berth" for an image, "site" for a site archive.
    std::string key;           ///< A public key's file. Empty: the key of the build that is served now.
    bool allow_older = false;  ///< Takes a version below the one that is served now.
};

struct AddedImage {
    std::string name, build;
    std::string before;    ///< The build that was served until now; empty: none, or a folder made by hand.
    bool present = false;  ///< That build was here already, whole: nothing was copied.
};

struct PrunedBuilds {
    std::vector<std::string> removed, kept;  ///< "NAME/BUILD"; kept: a boot token refers to it.
};

/// One thread. Only one process at a time changes the folder: flock(2) on it.
class ImageBuilds {
  public:
    /// P05.
    static Result<ImageBuilds> open(const std::string& images);

    /// Copies `source` under a private name, verifies it as a client would and more (signature, kind,
    /// version, and of every file size, digest and chunk list), makes it durable, and switches to it by one
    /// rename. Cut off at any point it leaves the old build served or the new one; what else it leaves is
    /// private, and goes at the next add or prune. The same build again changes nothing. Waits for another add.
    /// P31.
    Result<AddedImage> add(const AddImageOrder& order);

    /// Runs `remove`, at once, unless a token that is not in the database yet refers to "NAME/BUILD"
    /// (Service::unless_awaited).
    using Unless = std::function<Status(const std::string& build, const std::function<Status()>& remove)>;

    /// Removes what was left private, and the builds that are neither served nor what a boot token refers to.
    /// For the provisioner alone: nobody else knows the tokens that it has given out and not yet written.
    /// Does nothing while another process changes the folder. A build that cannot be judged stays. `store` is
    /// called only when there is a build to ask it about.
    Result<PrunedBuilds> prune(const std::function<Result<Store*>()>& store, const Unless& unless);

  private:
    ImageBuilds(UniqueFd folder, unsigned uid, unsigned gid)
        : folder_(std::move(folder)), uid_(uid), gid_(gid) {}
    Status give(int fd) const;
    Result<UniqueFd> make_folder(int where, const std::string& name) const;
    Status make_build(int builds, const struct SourceImage& source, const std::string& key) const;
    Status switch_to(int builds, const std::string& name, const std::string& build) const;

    UniqueFd folder_;
    unsigned uid_, gid_;
};

}  // namespace berth::server

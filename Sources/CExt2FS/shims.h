// libext2fs for Swift: the header, and shims for fields of an inode that are macros or unions.
#pragma once
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

// One field has both the bits of times after 2038 and the nanoseconds (ext4(5), "inode timestamps").
static inline uint32_t discographer_ext_extra_time(int64_t seconds, uint32_t nanoseconds) {
    return (uint32_t)(((uint64_t)(seconds - (int32_t)seconds) >> 32) & 3) | nanoseconds << 2;
}

/// Sets mode, owner and times of an inode. `now` becomes the time of its last change and of its creation.
static inline void discographer_ext_describe(struct ext2_inode_large *inode, uint16_t mode, uint32_t user, uint32_t group,
                                             int64_t seconds, uint32_t nanoseconds, int64_t now) {
    inode->i_mode = mode;
    inode->i_uid = (uint16_t)user;
    inode->osd2.linux2.l_i_uid_high = (uint16_t)(user >> 16);
    inode->i_gid = (uint16_t)group;
    inode->osd2.linux2.l_i_gid_high = (uint16_t)(group >> 16);
    inode->i_mtime = inode->i_atime = (uint32_t)seconds;
    inode->i_mtime_extra = inode->i_atime_extra = discographer_ext_extra_time(seconds, nanoseconds);
    inode->i_ctime = inode->i_crtime = (uint32_t)now;
    inode->i_ctime_extra = inode->i_crtime_extra = discographer_ext_extra_time(now, 0);
    inode->i_extra_isize = sizeof *inode - EXT2_GOOD_OLD_INODE_SIZE;
}

static inline void discographer_ext_set_size(struct ext2_inode_large *inode, uint64_t size) {
    inode->i_size = (uint32_t)size;
    inode->i_size_high = (uint32_t)(size >> 32);
}

/// Sets a device number, which Linux has in i_block: a short one in the first word, others in the second.
static inline void discographer_ext_set_device(struct ext2_inode_large *inode, uint32_t major, uint32_t minor) {
    if (major < 256 && minor < 256)
        inode->i_block[0] = major << 8 | minor;
    else
        inode->i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/// ext2fs_open2(3) for writing, of a file system at `offset` in an image.
static inline errcode_t discographer_ext_open(const char *image, uint64_t offset, ext2_filsys *handle) {
    char options[32];
    snprintf(options, sizeof options, "offset=%llu", (unsigned long long)offset);
    return ext2fs_open2(image, options, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, handle);
}

/// lseek(2) to the next data and to the next hole. SEEK_DATA and SEEK_HOLE are defined only for GNU sources.
static inline off_t discographer_next_data(int file, off_t position) { return lseek(file, position, 3); }
static inline off_t discographer_next_hole(int file, off_t position) { return lseek(file, position, 4); }
